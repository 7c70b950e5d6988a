from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

import keras_ae
from keras_ae import estimators
from keras_ae.estimators import AnomalyDetector
from keras_ae.estimators.thresholds import Quantile

X = np.random.default_rng(0).normal(size=(120, 3))
QUICK: dict[str, Any] = {"epochs": 2, "random_state": 0}


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    days = pd.to_timedelta(rng.integers(0, 900, 120), "D")
    frame = pd.DataFrame({"age": rng.normal(size=120), "job": rng.choice(["a", "b"], 120)})
    return frame.assign(here=rng.random(120) > 0.5, since=pd.Timestamp("2020-01-01") + days)


@pytest.mark.parametrize("score", list(estimators.scores.SCORES))
def test_a_detector_comes_back_with_equal_scores(score: str, tmp_path: Path) -> None:
    model = "vae" if score == "elbo" else "autoencoder"
    made = AnomalyDetector(model, score_method=score, members=2, **QUICK).fit(table())
    path = made.save(tmp_path / "detector.estimator")
    assert [p.name for p in tmp_path.iterdir()] == ["detector.estimator"]
    again = estimators.load(path)
    np.testing.assert_array_equal(again.anomaly_score(table()), made.anomaly_score(table()))
    np.testing.assert_array_equal(again.confidence(table()), made.confidence(table()))
    np.testing.assert_array_equal(again.p_value(table()), made.p_value(table()))
    assert again.get_params() == made.get_params()
    assert again.schema_ == made.schema_
    assert again.history_ == made.history_
    assert again.feature_names_in_.tolist() == ["age", "job", "here", "since"]
    again.set_threshold("quantile=0.5")
    assert abs((again.held_scores_ > again.threshold_).mean() - 0.5) < 0.05


def test_parameters_that_are_objects_come_back(tmp_path: Path) -> None:
    given = keras_ae.create("autoencoder", input_shape=(3,), latent_dim=1)
    made = AnomalyDetector(
        given, threshold=Quantile(0.7), callbacks=[keras.callbacks.Callback()], **QUICK
    ).fit(X)
    again = estimators.load(made.save(tmp_path / "detector.estimator"))
    assert again.threshold == Quantile(0.7)
    assert again.callbacks is None
    assert again.model.variant == "autoencoder"
    again.fit(X)  # which makes the model again
    np.testing.assert_array_equal(again.anomaly_score(X), made.anomaly_score(X))


def test_a_file_holds_no_pickle(tmp_path: Path) -> None:
    path = AnomalyDetector(**QUICK).fit(X).save(tmp_path / "detector.estimator")
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["arrays.npz", "estimator.json", "model_0.keras"]
        description = json.loads(archive.read("estimator.json"))
    assert set(description["versions"]) == {"keras-ae", "keras", "numpy"}
    assert description["schema"]["library"] == "array"


def test_saving_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = AnomalyDetector(**QUICK).fit(X)

    def fail(*arguments: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(type(made.members_[0]), "save", fail)
    with pytest.raises(OSError, match="disk full"):
        made.save(tmp_path / "detector.estimator")
    assert list(tmp_path.iterdir()) == []


def rewritten(path: Path, **changes: Any) -> Path:
    """Return a copy of an archive whose description has other entries."""
    other = path.with_name("other.estimator")
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(other, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "estimator.json":
                content = json.dumps({**json.loads(content), **changes}).encode()
            copy.writestr(name, content)
    return other


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = AnomalyDetector(**QUICK).fit(X).save(tmp_path / "detector.estimator")
    with pytest.raises(FileNotFoundError, match="not there"):
        estimators.load(tmp_path / "none.estimator")
    (tmp_path / "text.estimator").write_text("no archive")
    with pytest.raises(ValueError, match="must be a whole file"):
        estimators.load(tmp_path / "text.estimator")
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], content[:2_000] + b"x" + content[2_001:]):
        (tmp_path / "damaged.estimator").write_bytes(damaged)
        with pytest.raises(ValueError, match="must be a whole file"):
            estimators.load(tmp_path / "damaged.estimator")
    with pytest.raises(ValueError, match="must have format 1. Received: 2"):
        estimators.load(rewritten(path, format=2))
    with pytest.raises(ValueError, match="must hold one of .*'os.system'"):
        estimators.load(rewritten(path, estimator="os.system"))
