from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keras_ae import estimators
from keras_ae.cli.main import main
from tests.estimators.tables import people


def run(*arguments: object) -> None:
    main([str(argument) for argument in arguments])


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(lines) == 1
    return lines[0]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a table with gaps, a column of names and a header."""
    path = tmp_path_factory.mktemp("data") / "people.csv"
    table = people().astype({"age": "float64"}).assign(name=[f"n{i}" for i in range(400)])
    table.loc[::9, "age"] = np.nan
    table.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def detector(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "anomaly"
    run("fit", "anomaly", "--data", data, "--drop", "name", "--epochs", 3, "--out", out)
    return out


def test_a_detector_scores_files_as_in_python(detector: Path, data: Path, tmp_path: Path) -> None:
    assert sorted(p.name for p in detector.iterdir()) == ["fitted.estimator", "summary.json"]
    summary = json.loads((detector / "summary.json").read_text())
    assert summary["columns"] == {
        "age": "number",
        "pay": "number",
        "job": "category",
        "here": "boolean",
    }
    assert summary["rows"] == 400
    assert summary["missing_entries"] == 45
    run(
        "score", detector, "--data", data, "--threshold", "fpr=0.05", "--to", tmp_path / "s.parquet"
    )
    found = pd.read_parquet(tmp_path / "s.parquet")
    made = estimators.load(detector / "fitted.estimator").set_threshold("fpr=0.05")
    rows = pd.read_csv(data).drop(columns="name")
    np.testing.assert_allclose(found["score"], made.anomaly_score(rows), rtol=1e-5)
    np.testing.assert_array_equal(found["is_anomaly"], made.predict_label(rows))
    np.testing.assert_allclose(found["p_value"], made.p_value(rows))
    run("score", detector, "--data", data, "--limit", 5, "--to", tmp_path / "few.csv")
    few = pd.read_csv(tmp_path / "few.csv")
    np.testing.assert_allclose(few["score"], found["score"][:5], rtol=1e-5)


def test_rows_are_explained_by_their_first_columns(
    detector: Path, data: Path, tmp_path: Path
) -> None:
    to = tmp_path / "why.csv"
    run("explain", detector, "--data", data, "--row", 7, "--row", 3, "--most", 2, "--to", to)
    found = pd.read_csv(to)
    assert found.columns.tolist() == ["row", "feature", "value", "expected", "contribution"]
    assert sorted(found["row"]) == [3, 3, 7, 7]


def test_a_table_goes_through_every_other_kind(data: Path, tmp_path: Path) -> None:
    def fitted(kind: str) -> Path:
        given = ("--data", data, "--drop", "name", "--epochs", 2, "--out", tmp_path / kind)
        run("fit", kind, *given)
        return tmp_path / kind

    run("encode", fitted("embed"), "--data", data, "--to", tmp_path / "codes.csv")
    assert pd.read_csv(tmp_path / "codes.csv").shape[0] == 400
    run("cluster", fitted("cluster"), "--data", data, "--to", tmp_path / "clusters.csv")
    clusters = pd.read_csv(tmp_path / "clusters.csv")
    assert clusters.columns.tolist() == ["cluster", "share"]
    assert set(clusters["cluster"]) <= set(range(8))
    assert clusters["share"].between(0.125, 1).all()
    run("impute", fitted("impute"), "--data", data, "--to", tmp_path / "filled.csv")
    filled = pd.read_csv(tmp_path / "filled.csv")
    assert filled.columns.tolist() == ["age", "pay", "job", "here"]
    assert not filled.isna().any().any()
    given = pd.read_csv(data)
    np.testing.assert_allclose(filled["pay"], given["pay"])
    run("reconstruct", fitted("denoise"), "--data", data, "--to", tmp_path / "clean.parquet")
    assert pd.read_parquet(tmp_path / "clean.parquet").shape == (400, 4)
    run("synthesize", fitted("synthesize"), "--count", 7, "--to", tmp_path / "new.csv")
    drawn = pd.read_csv(tmp_path / "new.csv")
    assert drawn.shape == (7, 4)
    assert set(drawn["job"]) <= {"boss", "cook", "nurse"}


def test_the_summary_is_printed_as_json(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--data", data, "--drop", "name", "--epochs", 1, "--json")
    run("fit", "embed", *given, "--latent-dim", 2, "--out", tmp_path / "run")
    assert json.loads(capsys.readouterr().out)["estimator"] == "Embedder"


def test_what_cannot_be_is_refused_in_one_line(
    detector: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = ("--out", tmp_path / "new")
    assert "1,000 categories or fewer" not in refused(
        capsys, "fit", "anomaly", "--data", tmp_path / "none.csv", *new
    )
    assert "must name columns" in refused(
        capsys, "fit", "anomaly", "--data", data, "--drop", "nam", *new
    )
    assert "`score_method` must be" in refused(
        capsys, "fit", "anomaly", "--data", data, "--score-method", "best", *new
    )
    assert not (tmp_path / "new").exists()
    to = ("--to", tmp_path / "out.csv")
    assert "must be one of `keras-ae fit embed`" in refused(
        capsys, "encode", detector, "--data", data, *to
    )
    assert "a threshold must be" in refused(
        capsys, "score", detector, "--data", data, "--threshold", "best", *to
    )
    assert "`--data` must name a table" in refused(capsys, "score", detector, *to)
    assert "`--part` is for runs of" in refused(
        capsys, "score", detector, "--data", data, "--part", "all", *to
    )
    assert "`--row` must be below 400" in refused(
        capsys, "explain", detector, "--data", data, "--row", 400, *to
    )
    assert "that `keras-ae fit` wrote" in refused(capsys, "synthesize", tmp_path, *to)
    assert list(tmp_path.glob("*.csv")) == []
