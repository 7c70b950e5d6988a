"""What an `AnomalyDetector` says of rows, from its scores in NumPy."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.special
import sklearn.metrics
from scipy.spatial import distance

from keras_ae.estimators import AnomalyDetector
from keras_ae.estimators.thresholds import BestF1, Contamination, FalsePositiveRate, Quantile

RNG = np.random.default_rng(2)
ROWS = RNG.normal(size=(240, 3))
TRAINING = np.stack(
    [ROWS[:, 0], 10 * ROWS[:, 0] + ROWS[:, 1] + 100, ROWS[:, 2] / 50, ROWS.sum(1)], 1
)
STRANGE = np.array([[3.0, 70.0, 0.0, 0.0], [-4.0, 60.0, 0.06, -4.0], [0.0, 100.0, 0.0, 9.0]])
DEFAULTS: dict[str, Any] = {"epochs": 2, "validation_fraction": 0.2, "random_state": 0}
# No rows of training, with which changed ones would not be compared.
QUERY = np.concatenate([TRAINING[:30] + 0.02 * TRAINING.std(0), STRANGE])


@functools.cache
def trained(**options: Any) -> AnomalyDetector:
    if "model" not in options:
        options["model_options"] = {"hidden": [8]}
    return AnomalyDetector(**(DEFAULTS | options)).fit(TRAINING)


@pytest.fixture(params=[1, 2], ids=["one", "two"])
def detector(request: pytest.FixtureRequest) -> Iterator[AnomalyDetector]:
    """Give a detector of one member or of two, its threshold as after training."""
    found = trained(members=request.param)
    yield found
    found.set_threshold("quantile=0.99")


def halving(width: int) -> keras.Model:
    """Return a network whose reconstruction is half of a row."""
    half = keras.layers.Rescaling(0.5)
    same = keras.layers.Dense(width, use_bias=False, kernel_initializer="identity")
    return keras.Sequential([keras.Input((width,)), half, same])


@functools.cache
def halved() -> AnomalyDetector:
    """Return a detector that hardly trains its network: scores are |z| / 2 of scaled rows z."""
    return trained(model=halving(4), score_method="reconstruction", epochs=1, learning_rate=1e-12)


@functools.cache
def places() -> np.ndarray:
    """Return which rows of training one seed holds out of any model's, by scores of their own."""
    scores, held = halved().anomaly_score(TRAINING), halved().held_scores_
    near = np.isclose(scores[None], held[:, None], rtol=1e-6, atol=0.0)
    assert (near.sum(1) == 1).all()
    return near.argmax(1)


# Scores.


def test_scores_are_the_mean_of_the_members(detector: AnomalyDetector) -> None:
    scaled = ((QUERY - TRAINING.mean(0)) / TRAINING.std(0)).astype("f4")
    members = [member.scores(scaled) for member in detector.members_]
    assert len(members) == detector.members
    got = detector.anomaly_score(QUERY)
    assert (got.shape, got.dtype) == ((len(QUERY),), np.float64)
    np.testing.assert_allclose(got, np.mean(members, 0), rtol=1e-4, atol=1e-3)
    assert len(members) == 1 or abs(members[0] - members[1]).max() > 0.01


def test_the_reconstruction_error_is_half_of_a_row_that_is_halved() -> None:
    scaled = (QUERY - TRAINING.mean(0)) / TRAINING.std(0)
    wanted = np.linalg.norm(scaled, axis=1) / 2
    np.testing.assert_allclose(halved().anomaly_score(QUERY), wanted, rtol=1e-5)


def test_entries_beyond_20_deviations_count_as_those(recwarn: pytest.WarningsRecorder) -> None:
    far = TRAINING.mean(0) + np.array([[0.0, 25.0, 0.0, -1e9]]) * TRAINING.std(0)
    got = halved().anomaly_score(far)
    assert "more than 20 deviations" in str(recwarn.pop(UserWarning).message)
    np.testing.assert_allclose(got, [np.hypot(20, 20) / 2], rtol=1e-5)


def test_held_scores_are_those_of_a_fifth_of_the_rows(detector: AnomalyDetector) -> None:
    assert detector.held_scores_.shape == (48,)
    assert (np.diff(places()) > 0).all()
    scores = detector.anomaly_score(TRAINING)[places()]
    np.testing.assert_allclose(detector.held_scores_, scores, rtol=1e-6)


def test_the_combined_score_compares_with_the_rows_that_were_trained_on() -> None:
    """Held rows are not among them: the nearest of those is not themselves."""
    detector = trained(members=1)
    scaled = detector.scaling_.apply(TRAINING).astype("f8")
    reconstruction = detector.model_.reconstruct(scaled.astype("f4"))
    rows = np.concatenate([scaled, scaled - reconstruction], 1)
    distances = np.sort(distance.cdist(rows, np.delete(rows, places(), 0)), 1)
    distances = np.where(distances[:, 0] > 1e-5, distances[:, 0], distances[:, 1])
    np.testing.assert_allclose(detector.anomaly_score(TRAINING), distances, rtol=1e-3, atol=1e-3)


def test_scores_of_all_rows_stand_for_those_of_none_that_are_held() -> None:
    found = trained(validation_fraction=0.0)
    np.testing.assert_allclose(found.held_scores_, found.anomaly_score(TRAINING), rtol=1e-6)
    assert found.threshold_ == pytest.approx(np.quantile(found.held_scores_, 0.99))


# What is said of a score.


def test_a_p_value_is_the_share_of_held_rows_of_a_score_as_high(detector: AnomalyDetector) -> None:
    rows = np.concatenate([TRAINING, STRANGE])
    scores, held = detector.anomaly_score(rows), detector.held_scores_
    wanted = [(1 + (held >= score).sum()) / (1 + len(held)) for score in scores]
    np.testing.assert_allclose(detector.p_value(rows), wanted, rtol=1e-12)
    assert (detector.p_value(STRANGE) == 1 / 49).all()
    # A held row's own score is as high as itself.
    order = np.sort(detector.p_value(TRAINING[places()]))
    np.testing.assert_allclose(order, (2 + np.arange(48)) / 49, rtol=1e-12)


def test_a_probability_is_the_error_function_of_the_standard_score(
    detector: AnomalyDetector,
) -> None:
    rows = np.concatenate([TRAINING, STRANGE])
    scores, held = detector.anomaly_score(rows), detector.held_scores_
    standard = (scores - held.mean()) / (held.std() * np.sqrt(2))
    wanted = np.maximum(0.0, scipy.special.erf(standard))
    got = detector.probability(rows)
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-9)
    assert (got[scores <= held.mean()] == 0).all()
    assert ((got > 0.05) & (got < 0.95)).sum() > 20


def test_signs_are_scikit_learns(detector: AnomalyDetector) -> None:
    scores = detector.anomaly_score(QUERY)
    assert detector.threshold_ == pytest.approx(np.quantile(detector.held_scores_, 0.99))
    assert detector.offset_ == -detector.threshold_
    np.testing.assert_array_equal(detector.score_samples(QUERY), -scores)
    decision = detector.decision_function(QUERY)
    np.testing.assert_allclose(decision, detector.threshold_ - scores, rtol=1e-9, atol=1e-12)
    is_anomaly = scores > detector.threshold_
    assert is_anomaly[-3:].all()
    assert not is_anomaly.all()
    np.testing.assert_array_equal(detector.predict(QUERY), np.where(is_anomaly, -1, 1))
    np.testing.assert_array_equal(detector.predict_label(QUERY), is_anomaly.astype(int))
    np.testing.assert_array_equal(decision < 0, is_anomaly)


def test_a_threshold_may_be_a_score_which_is_not_exceeded_by_itself(
    detector: AnomalyDetector,
) -> None:
    scores = detector.anomaly_score(QUERY)
    for place in (3, 17, -1):
        assert detector.set_threshold(scores[place]) is detector
        assert (detector.threshold_, detector.offset_) == (scores[place], -scores[place])
        np.testing.assert_array_equal(detector.predict_label(QUERY), scores > scores[place])
        assert detector.predict(QUERY)[place] == 1
        assert detector.decision_function(QUERY)[place] == 0


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("quantile=0.7", Quantile(0.7)),
        ("contamination=0.25", Contamination(0.25)),
        ("fpr=0.05", FalsePositiveRate(0.05)),
    ],
)
def test_a_rule_reads_the_held_rows_or_those_given(
    detector: AnomalyDetector, name: str, rule: Any
) -> None:
    for asked in (name, rule):
        wanted = rule(detector.held_scores_)
        assert detector.set_threshold(asked).threshold_ == pytest.approx(wanted, rel=1e-12)
    wanted = rule(detector.anomaly_score(QUERY))
    assert detector.set_threshold(name, QUERY).threshold_ == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("labels", [(1, 0), (-1, 1), (True, False)], ids=str)
def test_the_best_f1_is_found_on_labelled_rows(detector: AnomalyDetector, labels: Any) -> None:
    is_anomaly = np.arange(len(QUERY)) >= len(QUERY) - 3
    is_anomaly[4] = True  # of an ordinary row
    detector.set_threshold("f1", QUERY, np.where(is_anomaly, *labels))
    scores = detector.anomaly_score(QUERY)
    assert detector.threshold_ == pytest.approx(BestF1()(scores, is_anomaly), rel=1e-6)
    every = [sklearn.metrics.f1_score(is_anomaly, scores > t) for t in [-1.0, *scores]]
    found = sklearn.metrics.f1_score(is_anomaly, detector.predict_label(QUERY))
    assert found == pytest.approx(max(every))


def test_confidence_is_the_share_of_members_that_agree(detector: AnomalyDetector) -> None:
    detector.set_threshold("quantile=0.7")  # between two scores
    scaled = detector.scaling_.apply(TRAINING)
    members = np.stack([member.scores(scaled) for member in detector.members_])
    own = [Quantile(0.7)(scores[places()]) for scores in members]
    called = members > np.array(own)[:, None]
    wanted = (called == (detector.predict(TRAINING) == -1)).mean(0)
    np.testing.assert_allclose(detector.confidence(TRAINING), wanted)
    assert detector.members == 1 or {0.5, 1.0} <= set(wanted)


# Explanations.


def replaced(table: Any, line: Any) -> Any:
    """Return a table in which the value that a line is about is the expected one."""
    table = table.copy()
    if isinstance(table, np.ndarray):
        table[line.row, int(line.feature.removeprefix("x"))] = line.expected
    else:
        column = table[line.feature].astype(object)
        column[line.row] = line.expected
        table[line.feature] = column.astype(table[line.feature].dtype)
    return table


def falls(detector: AnomalyDetector, table: Any, lines: Any) -> np.ndarray:
    """Return by how much scores fall where a value is replaced by the expected one."""
    scores = detector.anomaly_score(table)
    found = [
        scores[line.row] - detector.anomaly_score(replaced(table, line))[line.row]
        for line in lines.itertuples()
    ]
    return np.array(found)


def test_a_contribution_is_by_how_much_the_score_falls(detector: AnomalyDetector) -> None:
    lines = detector.explain(QUERY, [30, 2, 32])
    assert lines.columns.tolist() == ["row", "feature", "value", "expected", "contribution"]
    assert lines.row.tolist() == [30] * 4 + [2] * 4 + [32] * 4
    for row, of_row in lines.groupby("row"):
        assert sorted(of_row.feature) == ["x0", "x1", "x2", "x3"]
        assert (np.diff(of_row.contribution) <= 0).all()
        values = [QUERY[row, int(name[1])] for name in of_row.feature]
        np.testing.assert_allclose(of_row.value.astype("f8"), values)
    wanted = falls(detector, QUERY, lines)
    np.testing.assert_allclose(lines.contribution, wanted, rtol=1e-3, atol=1e-3)
    assert lines.contribution.max() > 1


def test_what_is_expected_is_the_reconstruction() -> None:
    detector = trained(members=1)
    lines = detector.explain(QUERY, [0, 1, 2, 30])
    scaled = detector.model_.reconstruct(detector.scaling_.apply(QUERY))
    wanted = scaled * TRAINING.std(0) + TRAINING.mean(0)
    for line in lines.itertuples():
        assert line.expected == pytest.approx(wanted[line.row, int(line.feature[1])], rel=1e-4)


def test_anomalies_are_explained_when_no_rows_are_named(detector: AnomalyDetector) -> None:
    rows = np.flatnonzero(detector.predict(QUERY) == -1)
    assert sorted(set(detector.explain(QUERY).row)) == rows.tolist()
    with pytest.raises(IndexError):
        detector.explain(QUERY, [len(QUERY)])


def test_a_contribution_to_the_reconstruction_error_is_its_closed_form() -> None:
    """Of a halved row z the score is |z| / 2, and what is expected of an entry is half of it."""
    lines = halved().explain(QUERY, [0, 30, 31])
    scaled = (QUERY - TRAINING.mean(0)) / TRAINING.std(0)
    for line in lines.itertuples():
        place = int(line.feature[1])
        halves = scaled[line.row].copy()
        halves[place] /= 2
        fall = (np.linalg.norm(scaled[line.row]) - np.linalg.norm(halves)) / 2
        expected = halves[place] * TRAINING[:, place].std() + TRAINING[:, place].mean()
        assert line.expected == pytest.approx(expected, rel=1e-5, abs=1e-5)
        assert line.contribution == pytest.approx(fall, abs=1e-5)


def test_a_contribution_is_that_of_the_expected_value_beyond_the_range_of_training_too() -> None:
    """Half of 12 deviations is more than any row of training has: what is expected is its most."""
    row = TRAINING.mean(0) + np.array([[0.0, 12.0, 0.0, -8.0]]) * TRAINING.std(0)
    lines = halved().explain(row, [0])
    wanted = falls(halved(), row, lines)
    np.testing.assert_allclose(lines.contribution, wanted, rtol=1e-4, atol=1e-4)


@functools.cache
def mixed() -> tuple[AnomalyDetector, pd.DataFrame]:
    """Return a detector of columns of every kind, and some rows."""
    rng = np.random.default_rng(4)
    table = pd.DataFrame({"number": rng.normal(size=240), "count": rng.integers(0, 9, 240)})
    table["truth"] = table["number"] + rng.normal(size=240) > 0
    table["kind"] = np.array(["low", "middle", "high"])[table["count"] // 3]
    table["sum"] = table["number"] + table["count"]
    detector = AnomalyDetector(model_options={"hidden": [8]}, epochs=2, random_state=0).fit(table)
    rows = table[:6].copy()
    rows[["number", "sum"]] += 0.03  # no rows of training
    rows.loc[1, "sum"] = 40.0
    rows.loc[2, "count"] = 30
    return detector, rows


@pytest.mark.parametrize("column", ["number", "count", "truth", "kind", "sum"])
def test_a_contribution_is_by_how_much_the_score_of_a_table_falls(column: str) -> None:
    detector, rows = mixed()
    lines = detector.explain(rows, range(6))
    lines = lines[lines.feature == column]
    assert lines.row.tolist() == list(range(6))
    wanted = falls(detector, rows, lines)
    np.testing.assert_allclose(lines.contribution, wanted, rtol=1e-3, atol=1e-3)
