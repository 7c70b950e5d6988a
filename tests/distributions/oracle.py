"""What the tests of distributions share: calls, the rule of tolerance, noise from NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from keras_ae.distributions.noise import Draws
from tests.gradients import gradient

LARGEST_UNIFORM = 1 - 2.0**-24


def call(function: Callable[..., Any], *arrays: Any) -> np.ndarray:
    """Return function(*arrays) of float32 tensors as a NumPy array."""
    return ops.convert_to_numpy(function(*(ops.convert_to_tensor(a, "float32") for a in arrays)))


def gradient_of_sum(function: Callable[..., Any], *arrays: Any, argument: int = 0) -> np.ndarray:
    """Return the gradient of sum(function(*arrays)), float32 tensors, in one of them."""
    tensors = [ops.convert_to_tensor(a, "float32") for a in arrays]

    def total(point: Any) -> Any:
        return ops.sum(function(*tensors[:argument], point, *tensors[argument + 1 :]))

    return gradient(total, np.asarray(arrays[argument], "float32"))


def assert_close(got: Any, wanted: Any, rtol: float = 1e-5, atol: Any = 0.0) -> None:
    """Check |got - wanted| <= rtol max(1, |wanted|) + atol, and equal shapes."""
    got, wanted = np.asarray(got, "float64"), np.asarray(wanted, "float64")
    assert got.shape == wanted.shape
    bound = rtol * np.maximum(1, np.abs(wanted)) + atol
    np.testing.assert_allclose(got / bound, wanted / bound, rtol=0, atol=1)


def assert_means(draws: np.ndarray, wanted: Any, errors: float = 4.0) -> None:
    """Check the mean over the first axis against an expectation, in standard errors."""
    draws = np.asarray(draws, "float64")
    error = draws.std(0) / np.sqrt(len(draws))
    difference = np.abs(draws.mean(0) - wanted)
    # A draw is float32: its rounding is what is left of the error when draws hardly vary.
    assert (difference <= errors * error + 1e-6 * np.abs(wanted)).all(), (difference, error)


class NumPyDraws(Draws):
    """Noise from NumPy's generator: the same numbers on every backend."""

    def __init__(self, seed: int = 0) -> None:
        # A stream of its own: a test's generator with the same seed gives other bits.
        self._rng = np.random.default_rng([seed, 1])

    def draw(self, kind: str, shape: Any, training: bool) -> Any:
        """Return the next draw."""
        sizes = tuple(int(size) for size in shape)
        draws = self._rng.standard_normal if kind == "normal" else self._rng.random
        return ops.convert_to_tensor(draws(sizes, dtype="float32"))


class ConstantDraws(Draws):
    """Noise that is the same number everywhere: the worst that a generator may give."""

    def __init__(self, *, normal: float, uniform: float) -> None:
        self._values = {"normal": normal, "uniform": uniform}

    def draw(self, kind: str, shape: Any, training: bool) -> Any:
        """Return the constant of this kind."""
        return ops.full(shape, self._values[kind], "float32")
