from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from keras_ae.estimators import AnomalyDetector, thresholds

QUICK: dict[str, Any] = {"epochs": 2, "random_state": 0}


def on_a_plane(rows: int, seed: int) -> np.ndarray:
    """Return rows of six numbers that follow from two, with little noise."""
    rng = np.random.default_rng(seed)
    weights = np.random.default_rng(7).normal(size=(2, 6))
    return np.asarray(rng.normal(size=(rows, 2)) @ weights + 0.05 * rng.normal(size=(rows, 6)))


X = on_a_plane(400, 1)
NEW = on_a_plane(100, 2)
FAR = NEW + X.std(axis=0) * np.random.default_rng(3).normal(size=NEW.shape)  # off the plane


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    return AnomalyDetector(epochs=30, random_state=0).fit(X)


@pytest.mark.parametrize("score", ["combined", "reconstruction", "likelihood"])
def test_rows_off_what_was_learned_have_higher_scores(score: str) -> None:
    made = AnomalyDetector(epochs=30, random_state=0, score_method=score, latent_dim=2).fit(X)
    found = made.anomaly_score(np.concatenate([NEW, FAR]))
    assert roc_auc_score(np.repeat([0, 1], 100), found) > 0.97


def test_the_signs_are_those_of_scikit_learn(detector: AnomalyDetector) -> None:
    score = detector.anomaly_score(FAR)
    np.testing.assert_array_equal(detector.score_samples(FAR), -score)
    np.testing.assert_array_equal(detector.predict(FAR) == -1, score > detector.threshold_)
    np.testing.assert_array_equal(detector.predict_label(FAR), score > detector.threshold_)


def test_a_score_is_of_its_row_alone(detector: AnomalyDetector) -> None:
    whole = detector.anomaly_score(X)
    np.testing.assert_array_equal(detector.anomaly_score(X[:7]), whole[:7])
    one_by_one = np.concatenate([detector.anomaly_score(X[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(one_by_one, whole[:20], rtol=1e-5)


def test_rows_of_training_are_not_compared_with_themselves(detector: AnomalyDetector) -> None:
    seen, unseen = detector.anomaly_score(X), detector.anomaly_score(NEW)
    assert 0.6 < np.median(seen) / np.median(unseen) < 1.2


def test_a_seed_decides_everything() -> None:
    first, second = (AnomalyDetector(**QUICK).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.anomaly_score(NEW), second.anomaly_score(NEW))
    other = AnomalyDetector(epochs=2, random_state=1).fit(X)
    assert (other.anomaly_score(NEW) != first.anomaly_score(NEW)).any()


def test_the_threshold_is_that_of_held_out_rows_and_changes_without_training(
    detector: AnomalyDetector,
) -> None:
    held = detector.held_scores_
    assert 38 <= len(held) <= 80
    weights = detector.model_.get_weights()
    for rule in ("quantile=0.8", "fpr=0.1", thresholds.MedianDeviation(2.0)):
        assert detector.set_threshold(rule) is detector
        assert detector.threshold_ == thresholds.get(rule)(held)
        assert detector.offset_ == -detector.threshold_
        assert detector.threshold == rule
    rows, labels = np.concatenate([NEW, FAR]), np.repeat([1, -1], 100)
    detector.set_threshold("f1", rows, labels)
    assert ((detector.predict(rows) == labels).mean()) > 0.9
    detector.set_threshold(2.5)
    assert detector.threshold_ == 2.5
    for a, b in zip(detector.model_.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)
    detector.set_threshold("quantile=0.99")


def test_labels_are_for_the_rule_that_needs_them_alone() -> None:
    rows, labels = np.concatenate([X, FAR]), np.repeat([0, 1], [400, 100])
    made = AnomalyDetector(threshold="f1", epochs=20, random_state=0).fit(rows, labels)
    assert (made.predict_label(rows) == labels).mean() > 0.9
    with pytest.raises(ValueError, match="needs labels. Received: y=None"):
        AnomalyDetector(threshold="f1", **QUICK).fit(rows)
    AnomalyDetector(**QUICK).fit(X, np.arange(400))  # as scikit-learn's own ignore them


@pytest.mark.slow
def test_trimmed_rows_are_those_of_the_highest_scores() -> None:
    rows = np.concatenate([X, FAR[:40]])
    plain = AnomalyDetector(epochs=10, random_state=0).fit(rows)
    robust = AnomalyDetector(epochs=10, random_state=0, trim=0.1).fit(rows)
    new, labels = np.concatenate([NEW, FAR[40:]]), np.repeat([0, 1], [100, 60])
    wanted = roc_auc_score(labels, plain.anomaly_score(new))
    assert roc_auc_score(labels, robust.anomaly_score(new)) >= wanted
    assert robust.threshold_ < plain.threshold_


def test_members_are_averaged_and_their_agreement_is_the_confidence() -> None:
    made = AnomalyDetector(members=3, **QUICK).fit(X)
    each = [member.scores(made._scaled(NEW)) for member in made.members_]
    assert np.ptp(each, axis=0).max() > 0.01
    np.testing.assert_allclose(made.anomaly_score(NEW), np.mean(each, axis=0), rtol=1e-12)
    assert set(np.round(made.confidence(NEW) * 3)) <= {0, 1, 2, 3}
    assert made.confidence(NEW[:1] + 10 * X.std(axis=0))[0] == 1.0


def test_weights_of_0_leave_rows_out() -> None:
    rows, weights = np.concatenate([X, FAR]), np.repeat([2.0, 0.0], [400, 100])
    made = AnomalyDetector(**QUICK).fit(rows, sample_weight=weights)
    plain = AnomalyDetector(**QUICK).fit(X)
    np.testing.assert_allclose(made.anomaly_score(NEW), plain.anomaly_score(NEW), rtol=0.02)
    with pytest.raises(ValueError, match="two rows or more must have a weight above 0"):
        AnomalyDetector(**QUICK).fit(X, sample_weight=np.eye(400)[0])


def test_a_warm_start_goes_on_with_model_and_scaling() -> None:
    made = AnomalyDetector(epochs=3, random_state=0, warm_start=True).fit(X)
    model, scale, before = made.model_, made.scaling_, made.history_["loss"][-1]
    made.fit(3.0 * X)
    assert made.model_ is model
    assert made.scaling_ is scale
    cold = AnomalyDetector(epochs=3, random_state=0).fit(X)
    cold.fit(3.0 * X)
    np.testing.assert_allclose(cold.history_["loss"][-1], before, rtol=0.05)


def test_parts_of_a_table_are_learned_one_after_another() -> None:
    made = AnomalyDetector(random_state=0)
    scores = []
    for start in range(0, 400, 100):
        made.partial_fit(X[start : start + 100])
        scores.append(made.anomaly_score(NEW).mean())
    assert made._seen.seen + made._unseen.seen == 400
    assert made.members_[0].score.points.shape[0] == made._seen.seen
    assert scores[-1] < scores[0]
    found = made.anomaly_score(np.concatenate([NEW, FAR]))
    assert roc_auc_score(np.repeat([0, 1], 100), found) > 0.8


def test_parts_that_follow_a_whole_training_join_its_rows() -> None:
    made = AnomalyDetector(**QUICK).partial_fit(X[:50] + 9.0).fit(X)  # of which nothing is left
    assert (made._seen.seen + made._unseen.seen) == 400
    made.partial_fit(NEW)
    assert (made._seen.seen + made._unseen.seen) == 500
    assert made.members_[0].score.points.shape[0] == made._seen.seen


def test_the_history_is_that_of_the_first_model_also_when_it_goes_on() -> None:
    one, two = (AnomalyDetector(members=n, warm_start=True, **QUICK).fit(X) for n in (1, 2))
    assert one.history_ == two.history_
    before = two.history_
    assert two.fit(X).history_["loss"][-1] < before["loss"][0]


def test_callbacks_are_told_of_each_epoch() -> None:
    seen: list[int] = []
    watcher = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    AnomalyDetector(callbacks=[watcher], **QUICK).fit(X)
    assert seen == [0, 1]


@pytest.mark.slow
def test_it_stands_in_a_pipeline_and_in_a_search() -> None:
    pipe = make_pipeline(MinMaxScaler(), AnomalyDetector(**QUICK)).fit(X)
    assert pipe.predict(FAR).shape == (100,)
    rows, labels = np.concatenate([X, FAR]), np.repeat([1, 0], [400, 100])
    search = GridSearchCV(
        AnomalyDetector(**QUICK),
        {"latent_dim": [1, 2]},
        scoring=make_scorer(roc_auc_score, response_method="decision_function"),
        cv=2,
    )
    shuffled = np.random.default_rng(0).permutation(500)
    search.fit(rows[shuffled], labels[shuffled])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    copy = clone(search.best_estimator_)
    assert not hasattr(copy, "members_")


def test_reasons_name_the_column_that_was_changed() -> None:
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(job=np.where(X[:, 0] > 0, "x", "y"))
    made = AnomalyDetector(epochs=30, random_state=0, threshold="quantile=0.9").fit(frame)
    strange = frame[:3].copy()
    strange.loc[1, "d"] += 4.0
    strange.loc[2, "job"] = "y" if strange.loc[2, "job"] == "x" else "x"
    table = made.explain(strange, rows=[2, 1])
    assert table.columns.tolist() == ["row", "feature", "value", "expected", "contribution"]
    assert table["row"].tolist() == [2] * 7 + [1] * 7
    first = table.groupby("row").first()
    assert first.loc[1, "feature"] == "d"
    assert first.loc[1, "value"] == strange.loc[1, "d"]
    assert abs(first.loc[1, "expected"] - frame.loc[1, "d"]) < 2.0
    assert (table["contribution"][1:7].to_numpy() <= table["contribution"][:6].to_numpy()).all()
    assert set(made.explain(strange)["row"]) == set(np.flatnonzero(made.predict(strange) < 0))
    assert made.explain(strange, rows=[]).empty
    with pytest.raises(IndexError, match="from 0 to 2"):
        made.explain(strange, rows=[3])


def test_a_changed_row_of_training_is_not_compared_with_what_it_was() -> None:
    rows = np.concatenate([X, [[9.0, 0.0, 0.0, 0.0, 0.0, 0.0]] * X.std(axis=0)])
    made = AnomalyDetector(
        epochs=5, random_state=0, validation_fraction=0.0, threshold="quantile=0.99"
    ).fit(rows)
    table = made.explain(rows, rows=[400])
    assert table["feature"][0] == "x0"
    assert (table["contribution"][1:] < 0.3 * table["contribution"][0]).all()
