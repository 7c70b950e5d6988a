from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import expit

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="is about JAX")

STEPS, ROWS, UNITS = 4, 2, 3
NAMES = ("inputs", "kernel", "bias", "recurrent", "hidden", "carry")
# Few inputs join the hidden state in one product, many have their own.
WIDTHS = {"fewer inputs than units": 2, "more inputs than units": 5}


@pytest.fixture(params=list(WIDTHS.values()), ids=list(WIDTHS))
def given(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    """Return a call's arguments."""
    shapes = (
        (STEPS, ROWS, request.param),
        (request.param, 4 * UNITS),
        (4 * UNITS,),
        (UNITS, 4 * UNITS),
        (ROWS, UNITS),
        (ROWS, UNITS),
    )
    drawn = np.random.default_rng(0)
    return {name: drawn.normal(size=shape) for name, shape in zip(NAMES, shapes, strict=True)}


def oracle(
    inputs: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray,
    recurrent: np.ndarray,
    hidden: np.ndarray,
    carry: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Gers et al. (2000), equations 2.1-2.5, step by step in float64."""
    outputs = []
    for of_step in inputs:
        i, f, g, o = np.split(of_step @ kernel + bias + hidden @ recurrent, 4, axis=-1)
        carry = expit(f) * carry + expit(i) * np.tanh(g)
        hidden = expit(o) * np.tanh(carry)
        outputs.append(hidden)
    return np.stack(outputs), carry


def arrays(given: dict[str, np.ndarray]) -> list[Any]:
    return [value.astype("float32") for value in given.values()]


def test_it_takes_the_papers_steps(given: dict[str, np.ndarray]) -> None:
    from keras_ae.backend.lstm_on_jax import lstm

    for found, wanted in zip(lstm(*arrays(given)), oracle(**given), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_its_gradients_are_those_of_small_changes(name: str, given: dict[str, np.ndarray]) -> None:
    import jax
    import jax.numpy as jnp

    from keras_ae.backend.lstm_on_jax import lstm

    place, shape = NAMES.index(name), given[name].shape
    weights = np.random.default_rng(9).normal(size=(STEPS, ROWS, UNITS))

    def changed(value: np.ndarray) -> float:
        outputs, carry = oracle(**{**given, name: value.reshape(shape)})
        return float((weights * outputs).sum() + (carry**2).sum())

    def loss(*arguments: Any) -> Any:
        outputs, carry = lstm(*arguments)
        return jnp.sum(weights * outputs) + jnp.sum(carry**2)

    wanted = approx_fprime(given[name].ravel(), changed, 1e-6).reshape(shape)
    found = jax.jit(jax.grad(loss, argnums=place))(*arrays(given))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)
