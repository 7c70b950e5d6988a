from __future__ import annotations

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

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5])
def test_a_contamination_is_the_share_of_rows_above(share: float) -> None:
    scores = RNG.normal(size=200)
    found = Contamination(share)(scores)
    assert (scores > found).sum() == round(share * 200)
    assert found in scores


def test_a_quantile_is_numpys() -> None:
    scores = RNG.normal(size=101)
    assert Quantile(0.9)(scores) == np.sort(scores)[90]


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.3])
def test_a_false_positive_rate_holds_for_new_rows(rate: float) -> None:
    """Exact: the probability that a new row exceeds the k-th of n is (n + 1 - k) / (n + 1)."""
    n = 199
    exact = (n + 1 - FalsePositiveRate(rate)(np.arange(1.0, n + 1))) / (n + 1)
    assert exact <= rate < exact + 1 / (n + 1) + 1e-12
    above = [
        RNG.exponential(size=2_000) > FalsePositiveRate(rate)(RNG.exponential(size=n))
        for _ in range(400)
    ]
    assert np.mean(above) == pytest.approx(exact, abs=4 * np.std(np.mean(above, axis=1)) / 20)


def test_of_labelled_rows_the_normal_ones_count() -> None:
    scores = np.concatenate([np.arange(99.0), np.full(20, 1e6)])
    is_anomaly = np.arange(119) >= 99
    assert FalsePositiveRate(0.01)(scores, is_anomaly) == 98.0


def test_too_few_rows_promise_no_rate() -> None:
    assert FalsePositiveRate(0.01)(np.arange(99.0)) == 98.0
    with pytest.raises(ValueError, match="needs 99 normal rows or more.*Received: 98"):
        FalsePositiveRate(0.01)(np.arange(98.0))


def test_robust_deviations_are_a_normal_laws() -> None:
    """Of exact quantiles of N(2, 3): median 2, and 1.4826 MAD = 3."""
    scores = scipy.stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000, 2.0, 3.0)
    assert MedianDeviation(3.5)(scores) == pytest.approx(2.0 + 3.5 * 3.0, rel=1e-4)
    assert MedianDeviation(3.5)(np.append(scores, [1e9] * 10)) == pytest.approx(12.5, rel=1e-3)


def test_where_most_scores_are_equal_their_mean_deviation_counts() -> None:
    scores = np.array([1.0] * 8 + [2.0, 4.0])
    assert MedianDeviation(2.0)(scores) == pytest.approx(1.0 + 2.0 * 1.2533 * 0.4)


@pytest.mark.parametrize(
    "law", [scipy.stats.genpareto(0.2), scipy.stats.expon(), scipy.stats.genpareto(-0.3)]
)
def test_an_extreme_quantile_is_the_laws(law: Any) -> None:
    """Tails of a generalized Pareto law are of the same family: its quantile is known."""
    scores = law.ppf((np.arange(20_000) + 0.5) / 20_000)
    for probability in (1e-2, 1e-3, 1e-4):
        wanted = law.isf(probability)
        assert ExtremeValue(probability)(scores) == pytest.approx(wanted, rel=0.03)


def test_a_tail_needs_ten_peaks() -> None:
    with pytest.raises(ValueError, match="ten scores or more above the quantile 0.9"):
        ExtremeValue()(np.arange(50.0))


@pytest.mark.parametrize("seed", range(5))
def test_the_best_f1_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    is_anomaly = rng.random(60) < 0.3
    scores = np.round(rng.normal(size=60) + is_anomaly, 1)  # with ties
    found = BestF1()(scores, is_anomaly)
    every = [sklearn.metrics.f1_score(is_anomaly, scores > t) for t in [-9.0, *np.unique(scores)]]
    assert sklearn.metrics.f1_score(is_anomaly, scores > found) == pytest.approx(max(every))


def test_all_rows_may_be_called_anomalies() -> None:
    assert (np.array([1.0, 1.0]) > BestF1()([1.0, 1.0], [True, False])).all()


@pytest.mark.parametrize("labels", [None, [True, True], [False, False]])
def test_the_best_f1_needs_labels_of_both_kinds(labels: Any) -> None:
    with pytest.raises(ValueError, match="needs labels of anomalies and of normal rows"):
        BestF1()([1.0, 2.0], labels)


def test_wrong_numbers_are_refused() -> None:
    for wrong in (Quantile, FalsePositiveRate, MedianDeviation):
        with pytest.raises(ValueError, match="Received: .*=True"):
            wrong(True)
    with pytest.raises(ValueError, match="`probability` must be in"):
        ExtremeValue(0.2, start=0.9)
