from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.networks import conv
from tests.networks.maps import ACTIVATIONS, convolved, fill, layer_normed, transposed

RNG = np.random.default_rng(0)

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


# A series, an image and a volume, with odd and even axes.
ORACLES = [((9, 2), 5, "tanh"), ((5, 4, 2), 3, "relu"), ((6, 3, 5, 1), 3, "tanh")]


@pytest.mark.parametrize(("shape", "kernel_size", "activation"), ORACLES)
def test_an_encoder_is_the_strided_convolutions_written_in_numpy(
    shape: tuple[int, ...], kernel_size: int, activation: str
) -> None:
    encoder = conv.encoder(shape, hidden=[3, 4], kernel_size=kernel_size, activation=activation)
    weights = fill(encoder, RNG)
    assert weights["stage_1"][0].shape == (*[kernel_size] * (len(shape) - 1), 3, 4)
    x = h = RNG.normal(size=(2, *shape)).astype("float32")
    for i in range(2):
        h = ACTIVATIONS[activation](convolved(h, *weights[f"stage_{i}"], stride=2))
    np.testing.assert_allclose(encoder.predict(x, verbose=0), h, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("shape", "kernel_size", "activation"), ORACLES)
def test_a_decoder_is_the_mirrored_transposed_convolutions_written_in_numpy(
    shape: tuple[int, ...], kernel_size: int, activation: str
) -> None:
    options = {"hidden": [3, 4], "kernel_size": kernel_size, "activation": activation}
    decoder = conv.decoder((2,), shape, **options)
    weights, act = fill(decoder, RNG), ACTIVATIONS[activation]
    kernels = [weights[name][0].shape for name in ("stage_1", "stage_0", "output")]
    spatial = [kernel_size] * (len(shape) - 1)  # a transposed kernel's next axes are out and in
    assert kernels == [(*spatial, 4, 4), (*spatial, 3, 4), (*spatial, 3, shape[-1])]
    z = RNG.normal(size=(3, 2)).astype("float32")
    kernel, bias = weights["start"]
    coarsest, middle = ([-(-n // k) for n in shape[:-1]] for k in (4, 2))
    h = act(z @ kernel + bias).reshape(3, *coarsest, 4)
    for i, size in ((1, middle), (0, shape[:-1])):
        h = transposed(h, *weights[f"stage_{i}"])
        h = act(h[:, *(slice(n) for n in size)])  # what doubling added is cut off at the end
    h = convolved(h, *weights["output"])
    np.testing.assert_allclose(decoder.predict(z, verbose=0), h, rtol=1e-4, atol=1e-5)


def test_a_normalization_stands_before_the_activation() -> None:
    encoder = conv.encoder((6, 5, 1), hidden=[3], normalization="layer")
    weights = fill(encoder, RNG)
    x = RNG.normal(size=(2, 6, 5, 1)).astype("float32")
    h = layer_normed(convolved(x, *weights["stage_0"], stride=2), *weights["stage_0_layer_norm"])
    np.testing.assert_allclose(
        ops.convert_to_numpy(encoder(x)), np.maximum(h, 0), rtol=1e-4, atol=1e-5
    )
