from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.networks import resnet
from tests.networks.maps import convolved, fill, layer_normed, transposed

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


def normed_relu(x: np.ndarray, weights: dict[str, list[np.ndarray]], name: str) -> np.ndarray:
    return np.maximum(layer_normed(x, *weights[f"{name}_layer_norm"]), 0)


def block(x: np.ndarray, weights: dict[str, list[np.ndarray]], name: str) -> np.ndarray:
    """He et al. (2016), arXiv:1603.05027, figure 1b."""
    h = x
    for k in range(2):
        h = normed_relu(h, weights, f"{name}_{k}")
        h = convolved(h, *weights[f"{name}_{k}_conv"])
    return x + h


def test_an_encoder_is_its_residual_blocks_written_in_numpy() -> None:
    encoder = resnet.encoder((5, 6, 2), hidden=[3, 4], blocks_per_stage=2)
    weights = fill(encoder, RNG)
    x = h = RNG.normal(size=(2, 5, 6, 2)).astype("float32")
    for i in range(2):
        h = convolved(h, *weights[f"down_{i}"], stride=2)
        for j in range(2):
            h = block(h, weights, f"block_{i}_{j}")
    wanted = normed_relu(h, weights, "last")
    np.testing.assert_allclose(ops.convert_to_numpy(encoder(x)), wanted, rtol=1e-4, atol=1e-4)


def test_a_decoder_is_the_mirrored_stages_written_in_numpy() -> None:
    decoder = resnet.decoder((2,), (5, 6, 2), hidden=[3, 4])
    weights = fill(decoder, RNG)
    z = RNG.normal(size=(3, 2)).astype("float32")
    kernel, bias = weights["start"]
    h = np.maximum(z @ kernel + bias, 0).reshape(3, 2, 2, 4)
    for i, (height, width) in ((1, (3, 3)), (0, (5, 6))):
        h = transposed(block(h, weights, f"block_{i}_0"), *weights[f"up_{i}"])
        h = h[:, :height, :width]  # what doubling added is cut off at the end
    wanted = convolved(normed_relu(h, weights, "last"), *weights["output"])
    assert wanted.shape == (3, 5, 6, 2)
    np.testing.assert_allclose(ops.convert_to_numpy(decoder(z)), wanted, rtol=1e-4, atol=1e-4)
