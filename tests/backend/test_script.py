from __future__ import annotations

import numpy as np
from keras import ops

from keras_ae.backend.script import Script
from keras_ae.distributions.noise import Noise


def test_draws_are_written_down_and_made_again_in_their_sequence() -> None:
    noise, twin = Noise(), Noise()
    twin.training_seed.state.assign(ops.copy(noise.training_seed.state))
    with Script() as script:
        made = [noise.normal((2, 3), training=True), noise.uniform((4,), training=True)]
    assert [(d.kind, d.shape, d.training) for d in script.draws] == [
        ("normal", (2, 3), True),
        ("uniform", (4,), True),
    ]
    # The next draws of the script are the next draws of a source that was never scripted.
    unscripted = [twin.normal((2, 3), training=True), twin.uniform((4,), training=True)]
    unscripted += [twin.normal((2, 3), training=True), twin.uniform((4,), training=True)]
    for a, b in zip([*made, *(d.again() for d in script.draws)], unscripted, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))


def test_given_tensors_stand_for_draws_and_leave_the_state_alone() -> None:
    noise = Noise()
    before = ops.convert_to_numpy(noise.training_seed.state).copy()
    with Script([ops.ones((2,)), ops.zeros((3,))]):
        first, second = noise.normal((2,), training=True), noise.uniform((3,), training=True)
    np.testing.assert_array_equal(ops.convert_to_numpy(first), [1.0, 1.0])
    np.testing.assert_array_equal(ops.convert_to_numpy(second), [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(ops.convert_to_numpy(noise.training_seed.state), before)
