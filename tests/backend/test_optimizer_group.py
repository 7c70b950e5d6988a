from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_ae.backend.optimizer_group import OptimizerGroup


def group() -> OptimizerGroup:
    return OptimizerGroup.like(keras.optimizers.Adam(0.01, clipnorm=1.0), ["a", "b"])


def test_members_are_copies_with_the_settings_of_the_one() -> None:
    made = group()
    assert set(made.optimizers) == {"a", "b"}
    assert all(m.clipnorm == 1.0 for m in made.optimizers.values())
    assert made.optimizers["a"] is not made.optimizers["b"]


def test_the_learning_rate_is_everybodys() -> None:
    made = group()
    made.build([keras.Variable(np.zeros(2, "float32"))])
    made.learning_rate = 0.5
    assert all(float(m.learning_rate) == 0.5 for m in made.optimizers.values())


def test_its_variables_are_those_of_all_members() -> None:
    made = group()
    weight = keras.Variable(np.zeros(2, "float32"))
    made.build([weight])
    for member in made.optimizers.values():
        assert {id(v) for v in member.variables} <= {id(v) for v in made.variables}
    assert id(weight) not in {id(v) for v in made.variables}


def test_it_comes_back_from_its_config() -> None:
    copy = OptimizerGroup.from_config(group().get_config())
    assert copy.optimizers["b"].get_config()["clipnorm"] == 1.0


def test_a_scaled_loss_is_refused() -> None:
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    with pytest.raises(ValueError, match="Use `alternate=False`"):
        OptimizerGroup.like(scaled, ["a"])


def test_the_rate_is_that_of_its_members_schedule() -> None:
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    group = OptimizerGroup.like(keras.optimizers.SGD(rate), ["a", "b"])
    weights = [keras.Variable([1.0])]
    group.build(weights)
    for _ in range(3):
        group.apply_phase("a", [keras.ops.ones(1)], weights)
    assert float(keras.ops.convert_to_numpy(group.learning_rate)) == pytest.approx(0.1 / 8)


def test_averages_of_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="no moving averages of weights.*use_ema=True"):
        OptimizerGroup.like(keras.optimizers.Adam(use_ema=True), ["a", "b"])
