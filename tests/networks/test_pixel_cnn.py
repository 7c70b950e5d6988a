"""Networks of maps that see what is before alone."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.networks import pixel_cnn

RNG = np.random.default_rng(0)
SHAPE = (5, 4)


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_a_place_sees_all_places_before_it_and_no_others(kernel_size: int) -> None:
    network = pixel_cnn.of_tokens(SHAPE, 3, filters=8, depth=6, kernel_size=kernel_size)
    for weight in network.trainable_weights:
        weight.assign(RNG.normal(size=weight.shape) * 0.5)
    tokens = RNG.integers(3, size=SHAPE)
    changed = np.repeat(tokens[None], 20, axis=0)
    for place in range(20):
        changed[place].flat[place] = (changed[place].flat[place] + 1) % 3
    rows = np.concatenate([tokens[None], changed]).astype("int32")
    found = ops.convert_to_numpy(network(rows))
    moved = abs(found[1:] - found[:1]).max(-1).reshape(20, 20)
    seen = moved > 1e-5 * abs(found).max()
    allowed = np.triu(np.ones((20, 20), "bool"), 1)  # a changed place is seen by later ones
    assert not seen[~allowed].any()
    assert seen[allowed].mean() > 0.9
