"""Functions of one step after another."""

from __future__ import annotations

import contextlib
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.backend.gradients import gradient_of
from keras_ae.backend.recurrent import written_out
from keras_ae.backend.scan import scan

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 2)).astype("f4")
GAIN = RNG.normal(size=(3, 5)).astype("f4")
FORMS = {"loop": contextlib.nullcontext, "written out": written_out}


def step(state: Any, now: Any) -> Any:
    x, gain = now["x"], now["gain"]
    total = state[0] * 0.9 + x * gain[:, None]
    return [total, state[1] + 1.0], {"total": ops.tanh(total), "count": state[1]}


def run(x: Any) -> Any:
    start = [ops.zeros((3, 2)), ops.zeros((3,))]
    return scan(step, start, {"x": x, "gain": ops.convert_to_tensor(GAIN)})


@pytest.mark.parametrize("form", FORMS)
def test_each_step_is_given_the_state_of_the_one_before(form: str) -> None:
    with FORMS[form]():
        found = keras.tree.map_structure(ops.convert_to_numpy, run(ops.convert_to_tensor(X)))
    total = np.zeros((3, 2))
    for t in range(5):
        total = total * 0.9 + X[:, t] * GAIN[:, t, None]
        np.testing.assert_allclose(found["total"][:, t], np.tanh(total), rtol=1e-5)
    np.testing.assert_array_equal(found["count"], np.tile(np.arange(5.0), (3, 1)))


@pytest.mark.parametrize("form", FORMS)
def test_gradients_go_back_through_all_steps(form: str) -> None:
    def last(x: Any) -> Any:
        return ops.sum(run(x)["total"][:, -1])

    with FORMS[form]():
        found = ops.convert_to_numpy(gradient_of(last, ops.convert_to_tensor(X)))
    weights = 0.9 ** np.arange(4, -1, -1)[None, :, None] * GAIN[:, :, None]
    end = (weights * X).sum(1, keepdims=True)
    np.testing.assert_allclose(found, weights / np.cosh(end) ** 2, rtol=1e-4, atol=1e-6)


def test_sequences_may_be_one_step_long() -> None:
    found = scan(lambda s, x: (s + x, s - x), ops.ones((2, 3)), ops.ones((2, 1, 3)))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), np.zeros((2, 1, 3)))
