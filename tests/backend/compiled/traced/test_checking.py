from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.backend.compiled.test_compiled import X, fit, make, weights

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="is torch's check")


def check_of(model: Any) -> Any:
    import torch

    from keras_ae.backend.compiled.traced.checking import Check

    return Check(model, (torch.as_tensor(X),), torch.arange(8))


def steps(model: Any, faults: list[Any] | None = None) -> Any:
    """Return a program that takes the model's own steps, and has a fault in one call."""
    from keras_ae.backend.compiled.traced.single_step import gather, step

    def program(data: list[Any], rows: list[Any]) -> None:
        for of_step in rows:
            step(model, gather((data[0],), of_step))
        if faults:
            faults.pop()()

    return program


def test_steps_of_the_model_meet_the_check() -> None:
    model = make("vae")
    fit(model, epochs=1)
    before = weights(model)
    assert check_of(model).is_met(steps(model))
    for a, b in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("call", [0, 1, 2])
@pytest.mark.parametrize("what", ["weight", "moment", "log"])
def test_one_fault_is_seen(call: int, what: str) -> None:
    model = make()
    fit(model, epochs=1)
    moved = {
        "weight": model.trainable_weights[0],
        "moment": model.optimizer._velocities[0],
        "log": model._loss_tracker.total,
    }[what]
    fault = lambda: moved.assign(moved.value * 1.2)  # noqa: E731
    nothing = lambda: None  # noqa: E731
    faults = [nothing, nothing, nothing]
    faults[call] = fault
    assert not check_of(model).is_met(steps(model, faults[::-1]))


def test_the_model_is_where_it_was_after_an_error() -> None:
    model = make()
    fit(model, epochs=1)
    before = weights(model)

    def fails(data: list[Any], rows: list[Any]) -> None:
        steps(model)(data, rows)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        check_of(model).is_met(fails)
    for a, b in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(a, b)
