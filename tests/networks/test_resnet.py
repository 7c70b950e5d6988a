from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.networks import resnet

# One to three axes, odd and even, and an axis that a stage cannot halve; stages of the encoder.
MAPS = [
    ((7, 5, 3), 1),
    ((28, 28, 1), 1),
    ((33, 20, 1), 2),
    ((50, 3), 3),
    ((1, 1, 2), 2),
    pytest.param((5, 6, 7, 1), 2, marks=pytest.mark.slow),
    ((5, 4, 3, 1), 1),
]


@pytest.mark.parametrize(("shape", "stages"), MAPS)
def test_any_map_comes_back_in_its_own_size(shape: tuple[int, ...], stages: int) -> None:
    hidden = [4, 6, 8][:stages]
    encoder = resnet.encoder(shape, hidden=hidden)
    coarse = tuple(int(np.ceil(n / 2**stages)) for n in shape[:-1])
    assert encoder.output_shape == (None, *coarse, hidden[-1])
    for latent_shape in ((3,), (*coarse, hidden[-1]), (*coarse, 2), (5, 2)):
        decoder = resnet.decoder(latent_shape, shape, hidden=hidden)
        assert decoder.output_shape == (None, *shape)


def test_the_output_is_linear() -> None:
    decoder = resnet.decoder((3,), (8, 8, 1), hidden=[4])
    z = 50 * np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    decoded = ops.convert_to_numpy(decoder(z))
    assert decoded.min() < -0.1
    assert decoded.max() > 0.1


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_normalization_is_where_it_was_asked_for(normalization: str | None) -> None:
    encoder = resnet.encoder((8, 8, 1), hidden=[4], normalization=normalization)
    names = [layer.name for layer in encoder.layers if "norm" in layer.name]
    assert bool(names) == (normalization is not None)
    assert all(f"{normalization}_norm" in name for name in names)


def test_a_block_whose_last_convolution_is_zero_passes_its_input_on() -> None:
    encoder = resnet.encoder((6, 6, 1), hidden=[4], normalization=None)
    encoder.get_layer("block_0_0_1_conv").set_weights([np.zeros((3, 3, 4, 4)), np.zeros(4)])
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 1)).astype("float32")
    down = ops.convert_to_numpy(encoder.get_layer("down_0")(x))
    np.testing.assert_allclose(
        ops.convert_to_numpy(encoder(x)), np.maximum(down, 0), rtol=1e-5, atol=1e-6
    )
