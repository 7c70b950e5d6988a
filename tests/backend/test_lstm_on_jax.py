from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import expit

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="is about JAX")

STEPS, ROWS, UNITS = 4, 2, 3
SHAPES = {
    "inputs": (STEPS, ROWS, 4 * UNITS),
    "recurrent": (UNITS, 4 * UNITS),
    "hidden": (ROWS, UNITS),
    "carry": (ROWS, UNITS),
}
GIVEN = {
    name: np.random.default_rng(i).normal(size=shape)
    for i, (name, shape) in enumerate(SHAPES.items())
}


def oracle(
    inputs: np.ndarray, recurrent: np.ndarray, hidden: np.ndarray, carry: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gers et al. (2000), equations 2.1-2.5, step by step in float64."""
    outputs = []
    for of_step in inputs:
        i, f, g, o = np.split(of_step + hidden @ recurrent, 4, axis=-1)
        carry = expit(f) * carry + expit(i) * np.tanh(g)
        hidden = expit(o) * np.tanh(carry)
        outputs.append(hidden)
    return np.stack(outputs), carry


def arrays() -> list[Any]:
    return [value.astype("float32") for value in GIVEN.values()]


def test_it_takes_the_papers_steps() -> None:
    from keras_ae.backend.lstm_on_jax import lstm

    for found, wanted in zip(lstm(*arrays()), oracle(**GIVEN), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", list(SHAPES))
def test_its_gradients_are_those_of_small_changes(name: str) -> None:
    import jax
    import jax.numpy as jnp

    from keras_ae.backend.lstm_on_jax import lstm

    place = list(SHAPES).index(name)
    weights = np.random.default_rng(9).normal(size=(STEPS, ROWS, UNITS))

    def changed(value: np.ndarray) -> float:
        outputs, carry = oracle(**{**GIVEN, name: value.reshape(SHAPES[name])})
        return float((weights * outputs).sum() + (carry**2).sum())

    def loss(*given: Any) -> Any:
        outputs, carry = lstm(*given)
        return jnp.sum(weights * outputs) + jnp.sum(carry**2)

    wanted = approx_fprime(GIVEN[name].ravel(), changed, 1e-6).reshape(SHAPES[name])
    found = jax.jit(jax.grad(loss, argnums=place))(*arrays())
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)
