from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae import networks
from keras_ae.networks.joining import joined, joined_shape

RNG = np.random.default_rng(0)
C = RNG.normal(size=(3, 2)).astype("float32")


def test_a_condition_lengthens_the_last_axis_or_the_flattened_example() -> None:
    assert joined_shape((4, 5, 3), 0) == (4, 5, 3)
    assert joined_shape((4, 5, 3), 2) == (4, 5, 5)
    assert joined_shape((4, 5, 3), 2, flat=True) == (62,)
    assert joined_shape((6,), 2) == joined_shape((6,), 2, flat=True) == (8,)


@pytest.mark.parametrize("shape", [(6,), (4, 3), (4, 5, 3)])
def test_it_is_appended_at_every_place_of_a_map(shape: Any) -> None:
    x = RNG.normal(size=(3, *shape)).astype("float32")
    network = keras.Sequential([keras.Input(joined_shape(shape, 2)), keras.layers.Identity()])
    got = ops.convert_to_numpy(joined(network, ops.convert_to_tensor(x), ops.convert_to_tensor(C)))
    each = np.broadcast_to(C.reshape(3, *(1,) * (len(shape) - 1), 2), (3, *shape[:-1], 2))
    np.testing.assert_array_equal(got, np.concatenate([x, each], axis=-1))


def test_a_flat_network_has_it_behind_the_flattened_example() -> None:
    x = RNG.normal(size=(3, 4, 5)).astype("float32")
    network = networks.encoder("mlp", (4, 5), [7], condition_size=2)
    got = ops.convert_to_numpy(joined(network, ops.convert_to_tensor(x), ops.convert_to_tensor(C)))
    np.testing.assert_array_equal(got, np.concatenate([x.reshape(3, 20), C], axis=1))
    assert joined(network, x, None) is x


def test_a_network_of_two_inputs_has_it_beside_the_example() -> None:
    x, c = keras.Input((4,)), keras.Input((2,))
    network = keras.Model([x, c], keras.layers.Concatenate()([x, c]))
    first, second = joined(network, C, C)
    assert first is C
    assert second is C
    assert networks.encoder(network, (4,), condition_size=2) is network
    for shape, size in (((4,), 3), ((5,), 2), ((4,), 0)):
        with pytest.raises(ValueError, match=r"of two inputs must take the shapes.*Received: one"):
            networks.encoder(network, shape, condition_size=size)


def test_a_network_of_ones_own_that_has_no_room_for_it_is_refused() -> None:
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"shape \(6,\).*takes \(4,\). A condition is appended"):
        networks.encoder(network, (4,), condition_size=2)
    assert networks.encoder(keras.layers.Dense(2), (4,), condition_size=2).input_shape == (None, 6)
