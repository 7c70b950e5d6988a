"""Every rule against NumPy, SciPy and scikit-learn, or a search through all thresholds."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from keras_ae.estimators.thresholds import (
    BestF1,
    Contamination,
    ExtremeValue,
    FalsePositiveRate,
    MedianDeviation,
    Quantile,
)

RNG = np.random.default_rng(5)
SHARES = ["0.01", "0.05", "0.07", "0.1", "0.15", "0.3", "0.35", "0.6", "0.7", "0.9"]


@pytest.mark.parametrize("share", [0.001, 0.3, 0.5, 0.99, 0.999])
@pytest.mark.parametrize("rows", [1, 2, 7, 250])
def test_a_quantile_is_numpys(share: float, rows: int) -> None:
    scores = RNG.lognormal(size=rows) * 1e3
    assert Quantile(share)(scores) == pytest.approx(np.quantile(scores, share), rel=1e-12)


@pytest.mark.parametrize("rows", [1, 2, 9, 13, 99, 100, 321])
def test_as_many_rows_are_above_as_are_contaminated(rows: int) -> None:
    scores = RNG.permutation(rows) - 0.5
    for percent in range(51):
        wanted = Fraction(percent, 100) * rows
        if wanted.denominator != 2:  # at a half either neighbour is right
            above = (scores > Contamination(percent / 100)(scores)).sum()
            assert above == round(wanted), f"{percent} % of {rows}"


def test_without_contamination_the_largest_score_is_the_threshold() -> None:
    scores = RNG.normal(size=40)
    assert Contamination(0.0)(scores) == scores.max()
    assert Contamination(0.0)(scores[:1]) == scores[0]


def test_of_tied_scores_no_more_are_above_than_are_contaminated() -> None:
    scores = RNG.integers(0, 6, 200).astype("f8")
    for share in (0.05, 0.1, 0.25, 0.5):
        threshold, count = Contamination(share)(scores), round(share * 200)
        assert (scores > threshold).sum() <= count < (scores >= threshold).sum()


@pytest.mark.parametrize("rate", SHARES)
def test_a_false_positive_rate_is_the_rank_of_exact_arithmetic(rate: str) -> None:
    exact = Fraction(rate)
    for rows in range(1, 130):
        scores = RNG.permutation(rows) + 1.0  # each its rank
        if rows < 1 / exact - 1:
            with pytest.raises(ValueError, match=f"normal rows or more.*Received: {rows}"):
                FalsePositiveRate(float(exact))(scores)
        else:
            wanted = math.ceil((1 - exact) * (rows + 1))
            assert FalsePositiveRate(float(exact))(scores) == wanted, f"{rows} rows"


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("rows", [60, 157])
def test_new_rows_are_above_as_rarely_as_promised(rate: float, rows: int) -> None:
    """Of a unit exponential law a new score exceeds t with the probability exp(-t)."""
    samples = RNG.exponential(size=(3_000, rows))
    above = np.exp([-FalsePositiveRate(rate)(scores) for scores in samples])
    noise = 4 * above.std() / np.sqrt(len(above))
    exact = (rows + 1 - math.ceil((1 - rate) * (rows + 1))) / (rows + 1)
    assert above.mean() == pytest.approx(exact, abs=noise)
    assert above.mean() <= rate + noise
    assert above.mean() > rate - 1 / (rows + 1) - noise


@pytest.mark.parametrize("factor", [0.5, 3.5, 10.0])
@pytest.mark.parametrize("rows", [5, 64, 501])
def test_robust_deviations_are_scipys(factor: float, rows: int) -> None:
    scores = 1e3 + 7 * RNG.standard_t(2, size=rows)
    deviation = scipy.stats.median_abs_deviation(scores, scale=1 / 1.4826)
    wanted = np.median(scores) + factor * deviation
    assert MedianDeviation(factor)(scores) == pytest.approx(wanted, rel=1e-9)
    normal = scipy.stats.median_abs_deviation(scores, scale="normal")
    assert deviation == pytest.approx(normal, rel=1e-4)


def test_where_half_are_equal_the_mean_deviation_from_the_median_counts() -> None:
    """Of a normal law a deviation is sqrt(pi / 2) mean absolute deviations."""
    scores = np.array([2.0] * 12 + [3.0, 5.0, 1.0, 9.0])
    wanted = 2.0 + 3.0 * np.sqrt(np.pi / 2) * abs(scores - 2.0).mean()
    assert MedianDeviation(3.0)(scores) == pytest.approx(wanted, rel=1e-4)
    assert MedianDeviation(3.0)(np.full(9, 2.0)) == 2.0


@pytest.mark.parametrize(
    "law",
    [
        scipy.stats.expon(3.0, 0.01),
        scipy.stats.genpareto(0.3, 0.0, 50.0),
        scipy.stats.genpareto(-0.4, -2.0, 1.0),
        scipy.stats.norm(),
    ],
    ids=["exponential", "heavy", "bounded", "normal"],
)
def test_an_extreme_value_is_the_laws_quantile(law: Any) -> None:
    """Within four errors of a quantile of the sample itself, or of the law of tails."""
    scores, rows = law.rvs(40_000, random_state=np.random.default_rng(1)), 40_000
    for probability in (0.01, 1e-3):
        count = rows * probability
        band = law.isf(probability * (1 + np.array([1, -1]) * 4 / np.sqrt(count)))
        assert band[0] < ExtremeValue(probability)(scores) < band[1]


def test_an_extreme_value_may_lie_beyond_all_scores_and_moves_with_their_unit() -> None:
    scores = RNG.exponential(size=2_000)
    found = ExtremeValue(1e-6)(scores)
    assert found > scores.max()
    assert ExtremeValue(1e-6)(1e4 * scores + 7) == pytest.approx(1e4 * found + 7, rel=0.02)


@pytest.mark.parametrize("start", [0.5, 0.9, 0.98])
def test_fewer_than_ten_peaks_are_too_few(start: float) -> None:
    rule = ExtremeValue(1e-3, start=start)
    outcomes, about = set(), round(10 / (1 - start))
    for rows in np.unique(np.linspace(0.85 * about, 1.15 * about, 9).astype(int)):
        scores = RNG.exponential(size=rows)
        enough = bool((scores > np.quantile(scores, start)).sum() >= 10)
        outcomes.add(enough)
        if enough:
            assert rule(scores) > np.quantile(scores, start)
        else:
            with pytest.raises(ValueError, match="ten scores or more above the quantile"):
                rule(scores)
    assert outcomes == {True, False}


@pytest.mark.parametrize("seed", range(12))
def test_the_best_f1_is_the_best_of_all_and_the_lowest_of_the_best(seed: int) -> None:
    rng = np.random.default_rng(seed)
    is_anomaly = rng.random(40) < rng.uniform(0.1, 0.9)
    is_anomaly[:2] = [True, False]
    scores = np.round(rng.normal(size=40) + seed / 4 * is_anomaly, 1)  # with ties
    levels = np.unique(scores)
    middles = np.concatenate([[levels[0] - 1.0], (levels[1:] + levels[:-1]) / 2])
    every = np.array([sklearn.metrics.f1_score(is_anomaly, scores > t) for t in middles])
    found = BestF1()(scores, is_anomaly)
    assert sklearn.metrics.f1_score(is_anomaly, scores > found) == pytest.approx(every.max())
    lowest = middles[np.flatnonzero(every > every.max() - 1e-12)[0]]
    assert (scores > found).tolist() == (scores > lowest).tolist()
    if lowest > levels[0]:
        assert found == pytest.approx(lowest, rel=1e-12)


def test_known_anomalies_do_not_raise_the_rate_of_false_positives() -> None:
    normal = RNG.exponential(size=200)
    scores, is_anomaly = np.concatenate([[1e3] * 20, normal]), np.arange(220) < 20
    known = FalsePositiveRate(0.05)(scores, is_anomaly)
    assert known == FalsePositiveRate(0.05)(normal) < FalsePositiveRate(0.05)(scores)
    assert BestF1()(scores, is_anomaly) == pytest.approx((normal.max() + 1e3) / 2)
