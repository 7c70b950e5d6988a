from __future__ import annotations

import types
from typing import Any

import keras
import numpy as np

from keras_ae.backend.postponed import Means
from keras_ae.callbacks import CompensatedMean


def model_of(means: list[Any], phases: tuple[Any, ...] = ()) -> Any:
    return types.SimpleNamespace(means=means, phases=phases)


def test_sums_of_steps_are_added_as_the_steps_would() -> None:
    first, second = CompensatedMean("first"), CompensatedMean("second")
    means = Means(model_of([first, second]), rows=4, steps=True)
    first.update_state(10.0, sample_weight=2)
    steps = []
    for number in (1.0, 2.0, 6.0):
        with means.postponed():
            first.update_state(number, sample_weight=4)
        steps.append(means.of_step(0.0))
    assert float(first.result()) == 10.0  # nothing has been added yet
    means.add(keras.ops.sum(keras.ops.convert_to_tensor(steps), axis=0), 3)
    # Two rows of 10, and four rows each of 1, 2 and 6.
    np.testing.assert_allclose(float(first.result()), (2 * 10 + 4 * 9) / 14, rtol=1e-6)
    assert float(second.count) == 0.0


def test_other_rows_and_other_means_are_not_postponed() -> None:
    mean, other = CompensatedMean("mean"), CompensatedMean("other")
    means = Means(model_of([mean]), rows=4, steps=True)
    with means.postponed():
        mean.update_state(3.0, sample_weight=8)
        other.update_state(5.0, sample_weight=4)
    assert (float(mean.result()), float(other.result())) == (3.0, 5.0)
    assert means.numbers == {}


def test_numbers_that_may_be_left_out_are_added_step_by_step_but_of_a_steps_parts() -> None:
    mean = CompensatedMean("mean")
    mean.leaves_out = True
    for steps, is_added in ((True, True), (False, False)):
        means = Means(model_of([mean]), rows=4, steps=steps)
        mean.reset_state()
        with means.postponed():
            mean.update_state(3.0, sample_weight=4)
        assert (float(mean.count) == 4.0) is is_added


def test_a_model_with_phases_adds_as_it_goes() -> None:
    mean = CompensatedMean("mean")
    means = Means(model_of([mean], phases=("one", "two")), rows=4, steps=True)
    with means.postponed():
        mean.update_state(3.0, sample_weight=4)
    assert float(mean.result()) == 3.0
