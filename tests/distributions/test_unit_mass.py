from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats
from scipy.special import log_ndtr, logsumexp

from keras_ae.backend.gradients import gradient_of
from keras_ae.distributions import unit_mass

Y = np.concatenate([np.linspace(-12, 12, 49), [-40.0, 30.0, 0.25]]).astype("float32")
SCALES = [0.11, 0.25, 1.0, 4.0, 64.0, 256.0]


def numbers(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(tensor), "float64")


def normal(y: np.ndarray, scale: float) -> np.ndarray:
    away = np.abs(y.astype("float64"))
    high, low = log_ndtr((0.5 - away) / scale), log_ndtr((-0.5 - away) / scale)
    return np.asarray(high + np.log1p(-np.exp(low - high)))


def logistic(y: np.ndarray, scale: float) -> np.ndarray:
    high, low = (y.astype("float64") + 0.5) / scale, (y.astype("float64") - 0.5) / scale
    both = stats.logistic.logcdf(high) + stats.logistic.logsf(low)
    return np.asarray(both + np.log(-np.expm1(-1.0 / scale)))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", ["normal", "logistic"])
def test_log_masses_are_exact_wherever_the_interval_lies(kind: str, scale: float) -> None:
    wanted = {"normal": normal, "logistic": logistic}[kind](Y, scale)
    got = numbers(getattr(unit_mass, kind)(ops.convert_to_tensor(Y), scale))
    np.testing.assert_allclose(got, wanted, rtol=2e-6, atol=1e-4)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", ["normal", "logistic"])
def test_gradients_are_slopes_and_finite(kind: str, scale: float) -> None:
    log_mass, exact = getattr(unit_mass, kind), {"normal": normal, "logistic": logistic}[kind]
    got = numbers(gradient_of(lambda y: log_mass(y, scale), ops.convert_to_tensor(Y)))
    step = 1e-4 * scale
    y = Y.astype("float64")
    wanted = (exact(y + step, scale) - exact(y - step, scale)) / (2 * step)
    away = Y != 0  # where the slope is 0, and float32 has what rounding left
    np.testing.assert_allclose(got[away], wanted[away], rtol=5e-3, atol=2e-4)


def test_a_mass_between_far_logits_keeps_its_digits() -> None:
    middle = np.array([15.0, 18.0, 30.0, -30.0], "float32")
    got = numbers(
        unit_mass.between_logits(
            ops.convert_to_tensor(middle - 0.5), ops.convert_to_tensor(middle + 0.5)
        )
    )
    away = np.abs(middle.astype("float64"))
    wanted = -away + np.log(2 * np.sinh(0.5)) - np.log1p(np.exp(0.5 - away))
    np.testing.assert_allclose(got, wanted - np.log1p(np.exp(-0.5 - away)), rtol=1e-6)
    np.testing.assert_allclose(np.exp(got[2]), 9.75e-14, rtol=1e-3)


@pytest.mark.parametrize("scale", [0.3, 2.0, 9.0])
def test_masses_of_all_whole_numbers_sum_to_one(scale: float) -> None:
    y = ops.convert_to_tensor(np.arange(-200, 201).astype("float32"))
    for kind in (unit_mass.normal, unit_mass.logistic):
        assert abs(logsumexp(numbers(kind(y, scale)))) < 1e-5
