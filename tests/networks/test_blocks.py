from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import scipy.fft
from keras import ops

import keras_ae
from keras_ae.networks import decoder, encoder
from keras_ae.networks.blocks import Cosines
from keras_ae.typing import Shape

RNG = np.random.default_rng(0)
OPTIONS: dict[str, Any] = {"name": "blocks", "hidden": [3, 4]}


def ordered(lengths: list[int]) -> list[tuple[int, ...]]:
    """Return frequencies as the transform has them: those near 0 first, channels' twice as late."""
    every = itertools.product(*map(range, lengths))

    def late(at: tuple[int, ...]) -> float:
        return round((math.hypot(*at[:-1]) + 0.5) * (2 if at[-1] else 1), 6)

    return sorted(every, key=late)


def transformed(block: np.ndarray) -> np.ndarray:
    found = scipy.fft.dctn(block, norm="ortho")
    return np.array([found[at] for at in ordered(list(block.shape))])


@pytest.mark.parametrize("shape", [(8, 2), (8, 12, 3), (4, 8, 4, 1)])
def test_features_start_as_the_cosine_transform_of_blocks(shape: Shape) -> None:
    """Ahmed et al. (1974), equation 6, along each axis: scipy's, of each block on its own."""
    x = RNG.normal(size=(2, *shape)).astype("float32")
    h = ops.convert_to_numpy(encoder({**OPTIONS, "gain": 3.0, "centre": 0.5}, shape)(x))
    grid = [n // 4 for n in shape[:-1]]
    assert h.shape == (2, *grid, 4 ** len(grid) * shape[-1])
    for row, *place in itertools.product(range(2), *map(range, grid)):
        block = x[row][tuple(slice(4 * i, 4 * i + 4) for i in place)]
        wanted = 3.0 * transformed(block.astype("f8") - 0.5)
        np.testing.assert_allclose(h[(row, *place)], wanted, atol=1e-4)


@pytest.mark.parametrize("shape", [(8, 2), (9, 2), (7, 10, 3), (5, 4, 4, 1)])
def test_a_decoder_starts_as_what_gives_the_input_back(shape: Shape) -> None:
    options = {**OPTIONS, "gain": 5.0, "centre": 0.5}
    x = RNG.random((3, *shape)).astype("float32")
    h = encoder(options, shape)(x)
    again = decoder(options, tuple(h.shape[1:]), shape)(h)
    np.testing.assert_allclose(ops.convert_to_numpy(again), x, atol=1e-5)


def test_of_fewer_channels_the_lowest_frequencies_are_given_back() -> None:
    """What is left is the projection on them; codes beyond the block's numbers tell nothing."""
    x = RNG.normal(size=(1, 4, 4, 2)).astype("float32")
    h = encoder(OPTIONS, (4, 4, 2))(x)
    few = ops.convert_to_numpy(decoder(OPTIONS, (1, 1, 6), (4, 4, 2))(h[..., :6]))
    kept = transformed(x[0].astype("f8"))
    spectrum = np.zeros((4, 4, 2))
    for at, number in zip(ordered([4, 4, 2])[:6], kept, strict=False):
        spectrum[at] = number
    np.testing.assert_allclose(few[0], scipy.fft.idctn(spectrum, norm="ortho"), atol=1e-5)
    many = ops.concatenate([h, ops.ones((1, 1, 1, 3))], axis=-1)
    again = decoder(OPTIONS, (1, 1, 35), (4, 4, 2))(many)
    np.testing.assert_allclose(ops.convert_to_numpy(again), x, atol=1e-5)


def test_convolutions_add_what_they_learn() -> None:
    x = RNG.normal(size=(1, 8, 8, 1)).astype("float32")
    network = encoder(OPTIONS, (8, 8, 1))
    before = ops.convert_to_numpy(network(x))
    added = network.get_layer("added")
    added.kernel.assign(np.ones(added.kernel.shape, "float32"))
    convolved = next(layer for layer in network.layers if layer.name == "encoder")(x)
    change = ops.convert_to_numpy(network(x)) - before
    wanted = ops.convert_to_numpy(ops.sum(convolved, axis=-1))
    np.testing.assert_allclose(change[..., 0], wanted, rtol=1e-4, atol=1e-5)


def test_a_vector_is_decoded_too() -> None:
    model = keras_ae.create("vae", input_shape=(8, 8, 1), encoder=OPTIONS, latent_dim=2)
    assert model.reconstruct(np.ones((2, 8, 8, 1), "float32")).shape == (2, 8, 8, 1)


def test_a_transform_says_what_it_is() -> None:
    start = Cosines([4, 4], 3, inverse=True)
    again = Cosines.from_config(start.get_config())
    np.testing.assert_array_equal(*(ops.convert_to_numpy(s((48, 48))) for s in (start, again)))
    kernel = ops.convert_to_numpy(start((48, 48))).astype("f8")
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(48), atol=1e-6)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="`gain` must be"):
        encoder({**OPTIONS, "gain": 0.0}, (8, 8, 1))
    with pytest.raises(ValueError, match="a blocks network needs"):
        encoder(OPTIONS, (8,))
