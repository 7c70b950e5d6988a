from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special as scipy_special

from keras_ae.distributions import special
from tests.distributions.oracle import assert_close, call, gradient_of_sum

# Ten decades, and the neighbourhoods of the zeros of log Gamma (1, 2) and its derivative (1.46).
X = np.concatenate(
    [
        np.logspace(-3, 7, 401),
        np.linspace(0.9, 2.1, 121),
        np.arange(1, 130) / 2,
    ]
).astype("float32")
EXACT = X.astype("float64")
# Half of each of these is an odd number of dimensions; 0 leaves nothing of the ratio.
SHIFTS = (0.0, 0.5, 1.0, 1.5, 4.5, 24.5, 63.5)


def exact_ratio(shift: float) -> np.ndarray:
    """Return log Gamma(x + shift) - log Gamma(x), in forty digits before it is rounded."""
    with mpmath.workdps(40):
        points = [mpmath.mpf(x) for x in EXACT.tolist()]
        return np.array([float(mpmath.loggamma(x + shift) - mpmath.loggamma(x)) for x in points])


def test_log_gamma_is_scipys() -> None:
    assert_close(call(special.log_gamma, X), scipy_special.gammaln(EXACT))


def test_stirling_error_is_what_stirling_leaves() -> None:
    with mpmath.workdps(40):
        points = [mpmath.mpf(x) for x in EXACT.tolist()]
        half = mpmath.log(2 * mpmath.pi) / 2
        wanted = [
            float(mpmath.loggamma(x + 1) - (x + 0.5) * mpmath.log(x) + x - half) for x in points
        ]
    # A sum of many densities has the sum of their errors: finer than the rule, at every x.
    np.testing.assert_allclose(call(special.stirling_error, X), wanted, rtol=3e-7, atol=3e-7)


@pytest.mark.parametrize("shift", SHIFTS)
def test_log_gamma_ratio_is_the_difference_without_its_cancellation(shift: float) -> None:
    got = call(lambda x: special.log_gamma_ratio(x, shift), X)
    assert_close(got, exact_ratio(shift))


def test_log_gamma_ratio_takes_a_tensor_of_shifts() -> None:
    x, shift = np.meshgrid([0.5, 3.0, 400.0], [0.25, 2.0, 30.0])
    wanted = scipy_special.gammaln(x + shift) - scipy_special.gammaln(x)
    assert_close(call(special.log_gamma_ratio, x, shift), wanted)


def test_gradient_of_log_gamma_is_digamma() -> None:
    assert_close(gradient_of_sum(special.log_gamma, X), scipy_special.digamma(EXACT))


@pytest.mark.parametrize("shift", SHIFTS)
def test_gradient_of_log_gamma_ratio_is_a_difference_of_digammas(shift: float) -> None:
    got = gradient_of_sum(lambda x: special.log_gamma_ratio(x, shift), X)
    with mpmath.workdps(40):
        points = [mpmath.mpf(x) for x in EXACT.tolist()]
        wanted = [float(mpmath.digamma(x + shift) - mpmath.digamma(x)) for x in points]
    assert_close(got, wanted)
    # It falls as shift / x: a training at a large concentration lives on its first digits.
    np.testing.assert_allclose(got, wanted, rtol=1e-2, atol=1e-9)


@pytest.mark.parametrize("function", [special.log_gamma, special.stirling_error])
def test_shapes_are_kept(function: Any) -> None:
    assert call(function, np.ones((2, 1, 3))).shape == (2, 1, 3)


@pytest.mark.parametrize("axis", [-1, -2, 0])
def test_log_softmax_is_scipys(axis: int) -> None:
    logits = np.random.default_rng(0).normal(1e6, 40.0, (5, 4, 3)).astype("float32")
    got = call(lambda x: special.log_softmax(x, axis), logits)
    assert_close(got, scipy_special.log_softmax(logits.astype("float64"), axis=axis))
