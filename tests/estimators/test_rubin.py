from __future__ import annotations

import numpy as np
import pytest

from keras_ae.estimators import pooled


def test_estimates_are_pooled_by_rubins_rules() -> None:
    rng = np.random.default_rng(0)
    estimates, variances = rng.normal(size=(5, 3)), rng.random((5, 3)) + 0.1
    found = pooled(estimates, variances)
    for j in range(3):
        within = sum(variances[:, j]) / 5
        mean = sum(estimates[:, j]) / 5
        between = sum((e - mean) ** 2 for e in estimates[:, j]) / 4
        total = within + (1 + 1 / 5) * between
        ratio = (1 + 1 / 5) * between / within
        np.testing.assert_allclose(found.estimate[j], mean, rtol=1e-12)
        np.testing.assert_allclose(found.variance[j], total, rtol=1e-12)
        np.testing.assert_allclose(found.degrees_of_freedom[j], 4 * (1 + 1 / ratio) ** 2)
        np.testing.assert_allclose(found.missing_information[j], 1.2 * between / total)


def test_a_mean_of_rows_with_gaps_is_covered_as_often_as_said() -> None:
    from scipy.stats import t

    rng, covered, rows, tables = np.random.default_rng(1), 0, 60, 8
    for _ in range(400):
        x = rng.normal(size=rows)
        seen = x[: rows // 2]
        means, variances = [], []
        for _ in range(tables):  # a proper imputation of a normal sample
            spread = np.sqrt(seen.var(ddof=1) * (len(seen) - 1) / rng.chisquare(len(seen) - 1))
            middle = rng.normal(seen.mean(), spread / np.sqrt(len(seen)))
            filled = np.concatenate([seen, rng.normal(middle, spread, rows - len(seen))])
            means.append(filled.mean())
            variances.append(filled.var(ddof=1) / rows)
        found = pooled(means, variances)
        half = t.ppf(0.975, found.degrees_of_freedom) * np.sqrt(found.variance)
        covered += abs(found.estimate) < half
    assert 0.91 < covered / 400 < 0.985


def test_one_table_cannot_be_pooled() -> None:
    with pytest.raises(ValueError, match="two tables or more"):
        pooled([1.0], [1.0])


def test_equal_estimates_have_no_variance_between_them() -> None:
    found = pooled([2.0, 2.0], [0.5, 0.5])
    assert (found.variance, found.degrees_of_freedom) == (0.5, np.inf)
