"""The Frechet distance beside SciPy's square root of a matrix, and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.linalg import sqrtm

from keras_ae.metrics import frechet_distance

RNG = np.random.default_rng(0)
MIXED = RNG.normal(size=(200, 4)) @ RNG.normal(size=(4, 4)) + RNG.normal(size=4)
OTHER = RNG.normal(size=(150, 4)) @ RNG.normal(size=(4, 4))


def test_it_is_the_formula_with_scipys_square_root() -> None:
    s, t = np.cov(MIXED, rowvar=False), np.cov(OTHER, rowvar=False)
    wanted = ((MIXED.mean(0) - OTHER.mean(0)) ** 2).sum()
    wanted += np.trace(s + t - 2 * np.real(sqrtm(s @ t)))
    assert frechet_distance(MIXED, OTHER) == pytest.approx(wanted, rel=1e-9)
    assert frechet_distance(OTHER, MIXED) == pytest.approx(wanted, rel=1e-9)


def test_a_shift_costs_its_square_and_a_scale_that_of_the_deviations() -> None:
    """W_2^2 of N(m, s^2 I) and N(0, I) is |m|^2 + d (s - 1)^2."""
    white = RNG.normal(size=(50, 3))
    white -= white.mean(0)
    white = white @ np.linalg.inv(np.linalg.cholesky(np.cov(white, rowvar=False))).T
    shift = np.array([1.0, -2.0, 0.5])
    assert frechet_distance(white, white) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(3 * white + shift, white) == pytest.approx(5.25 + 3 * 4, rel=1e-9)


def test_a_feature_that_never_varies_is_no_obstacle() -> None:
    flat = np.concatenate([MIXED, np.ones((200, 1))], axis=1)
    assert frechet_distance(flat, flat + np.array([0, 0, 0, 0, 2])) == pytest.approx(4.0, rel=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (MIXED[:1], OTHER, "`a` must be two rows"),
        (MIXED, OTHER[0], "`b` must be two rows"),
        (MIXED, OTHER[:, :3], "one length"),
    ],
)
def test_impossible_sets_are_refused(a: Any, b: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        frechet_distance(a, b)
