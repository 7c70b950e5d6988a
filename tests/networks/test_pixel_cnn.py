"""Networks of maps that see what is before alone."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import expit

from keras_ae.networks import pixel_cnn
from tests.networks import tokens as oracle
from tests.networks.maps import fill

RNG = np.random.default_rng(0)


def influences(network: Any, shape: tuple[int, int]) -> np.ndarray:
    """Return by how much a change of each place moves the logits of each, `(places, places)`."""
    places = shape[0] * shape[1]
    moved = np.zeros((places, places))
    for tokens in RNG.integers(3, size=(6, *shape)):
        rows = np.repeat(tokens[None], places + 1, axis=0).astype("int32")
        for place in range(places):
            rows[place].flat[place] = (rows[place].flat[place] + 1) % 3
        found = ops.convert_to_numpy(network(rows)).reshape(places + 1, places, 3)
        moved = np.maximum(moved, abs(found[:-1] - found[-1:]).max(-1))
    return moved


@pytest.mark.parametrize(
    ("shape", "depth", "kernel_size"),
    [((5, 4), 6, 3), ((7, 5), 2, 3), ((4, 9), 2, 5), ((1, 7), 2, 3)],
)
def test_a_place_sees_all_places_before_it_within_reach_and_no_others(
    shape: tuple[int, int], depth: int, kernel_size: int
) -> None:
    """There is no blind spot: what the layers reach is a full rectangle of earlier places."""
    network = pixel_cnn.of_tokens(shape, 3, filters=8, depth=depth, kernel_size=kernel_size)
    for weight in network.trainable_weights:
        weight.assign(RNG.normal(size=weight.shape) / np.sqrt(np.prod(weight.shape[:-1]) / 4))
    moved = influences(network, shape)
    y, x = (axis.ravel() for axis in np.indices(shape))
    reach = depth * (kernel_size // 2)
    up, back = y[None] - y[:, None], x[None] - x[:, None]  # from the changed place to the other
    before = np.triu(np.ones_like(moved, dtype="bool"), 1)
    above = (up >= 1) & (up <= reach + 1) & (abs(back) <= reach)
    beside = (up == 0) & (back >= 1) & (back <= reach + 1)
    seen = moved > 1e-4 * moved.max()
    np.testing.assert_array_equal(seen, (above | beside) & before)


@pytest.mark.parametrize(
    ("shape", "depth", "kernel_size"),
    [((5, 4), 3, 3), ((3, 7), 2, 5), ((1, 6), 2, 3), ((2, 2), 1, 3)],
)
def test_logits_are_those_of_the_papers_two_stacks(
    shape: tuple[int, int], depth: int, kernel_size: int
) -> None:
    network = pixel_cnn.of_tokens(shape, 4, filters=3, depth=depth, kernel_size=kernel_size)
    tokens = RNG.integers(4, size=(9, *shape)).astype("int32")
    wanted = oracle.pixel_cnn(fill(network, RNG), tokens)
    np.testing.assert_allclose(ops.convert_to_numpy(network(tokens)), wanted, rtol=1e-4, atol=1e-5)


def test_a_gate_lets_the_second_half_weigh_the_first() -> None:
    x = RNG.normal(size=(2, 3, 4, 6)).astype("f4")
    got = ops.convert_to_numpy(pixel_cnn.Gate()(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(got, np.tanh(x[..., :3]) * expit(x[..., 3:]), rtol=1e-5, atol=1e-6)


def test_channels_are_last_whatever_the_config_says() -> None:
    keras.config.set_image_data_format("channels_first")
    try:
        network = pixel_cnn.of_tokens((3, 4), 3, filters=4, depth=2, kernel_size=3)
    finally:
        keras.config.set_image_data_format("channels_last")
    assert network.output_shape == (None, 3, 4, 3)
