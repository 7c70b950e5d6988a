from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.networks import conv

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
    encoder = conv.encoder(shape, hidden=hidden)
    coarse = tuple(int(np.ceil(n / 2**stages)) for n in shape[:-1])
    assert encoder.output_shape == (None, *coarse, hidden[-1])
    for latent_shape in ((3,), (*coarse, hidden[-1]), (*coarse, 2), (5, 2)):
        decoder = conv.decoder(latent_shape, shape, hidden=hidden)
        assert decoder.output_shape == (None, *shape)


def test_the_output_is_linear() -> None:
    decoder = conv.decoder((3,), (8, 8, 1), hidden=[4])
    z = 50 * np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    decoded = ops.convert_to_numpy(decoder(z))
    assert decoded.min() < -0.1
    assert decoded.max() > 0.1


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_normalization_is_where_it_was_asked_for(normalization: str | None) -> None:
    encoder = conv.encoder((8, 8, 1), hidden=[4], normalization=normalization)
    names = [layer.name for layer in encoder.layers if "norm" in layer.name]
    assert bool(names) == (normalization is not None)
    assert all(f"{normalization}_norm" in name for name in names)


def test_a_stage_is_the_strided_convolution_written_in_numpy() -> None:
    rng = np.random.default_rng(0)
    encoder = conv.encoder((5, 4, 2), hidden=[3])
    kernel, bias = rng.normal(size=(3, 3, 2, 3)), rng.normal(size=3)
    encoder.set_weights([kernel, bias])
    x = rng.normal(size=(2, 5, 4, 2)).astype("float32")
    # "same" at stride 2: rows need 5 -> 3 outputs, pad 1 and 1; columns 4 -> 2, pad 0 and 1.
    padded = np.pad(x, ((0, 0), (1, 1), (0, 1), (0, 0)))
    wanted = np.zeros((2, 3, 2, 3))
    for i in range(3):
        for j in range(2):
            patch = padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            wanted[:, i, j] = np.einsum("bhwc,hwco->bo", patch, kernel) + bias
    got = ops.convert_to_numpy(encoder(x))
    np.testing.assert_allclose(got, np.maximum(wanted, 0), rtol=1e-4, atol=1e-5)
