from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.backend.seeding import seeded


def draws() -> np.ndarray:
    """What Keras's dropout drops of ones."""
    layer = keras.layers.Dropout(0.5, seed=1)
    return np.array(ops.convert_to_numpy(layer(ops.ones((50,)), training=True)))


def test_dropout_begins_at_the_seed() -> None:
    found = []
    for other in (1, 2):
        keras.utils.set_random_seed(other)
        with seeded(5):
            found.append(draws())
    np.testing.assert_array_equal(*found)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="is about torch's own state")
def test_afterwards_the_state_is_what_it_was() -> None:
    import torch

    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    with seeded(5):
        torch.rand(7)
    assert torch.equal(torch.rand(4), wanted)
    with seeded(5):
        first = torch.rand(3)
    with seeded(6):
        assert not torch.equal(torch.rand(3), first)
