from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from keras_ae.cli import training
from keras_ae.cli.main import main


@pytest.mark.slow
def test_a_sweep_has_a_run_for_each_size_and_a_curve_beside_pcas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "draw", lambda *_: None)
    options = ["--data", "digits", "--limit", "60", "--epochs", "1", "--hidden", "8"]
    main(["sweep", "vae", "--latent-dim", "4,2,2", *options, "--out", str(tmp_path / "sweep")])
    with (tmp_path / "sweep" / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["latent_dim"] for row in rows] == ["2", "4"]
    for row in rows:
        folder = tmp_path / "sweep" / f"latent_dim_{row['latent_dim']}"
        metrics = json.loads((folder / "metrics.json").read_text())
        assert float(row["mse"]) == metrics["test"]["mse"]
        assert float(row["pca_mse"]) == metrics["pca"]["mse"]
    assert float(rows[1]["pca_mse"]) < float(rows[0]["pca_mse"])
    written = (tmp_path / "sweep" / "latent_dim_2" / "model.keras").stat().st_mtime_ns
    main(["sweep", "vae", "--latent-dim", "2,3", *options, "--out", str(tmp_path / "sweep")])
    assert (tmp_path / "sweep" / "latent_dim_2" / "model.keras").stat().st_mtime_ns == written
    assert (tmp_path / "sweep" / "latent_dim_3" / "model.keras").is_file()
    assert (tmp_path / "sweep" / "sweep.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("vea", "--latent-dim", "2"), "Did you mean 'vae'"),
        (("vae", "--latent-dim", "none"), "at least one code size"),
        (("vae", "--latent-dim", "2", "--data", "digits", "--epocs", "1"), "--epochs"),
    ],
)
def test_a_sweep_that_cannot_run_leaves_nothing(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["sweep", *arguments, "--out", str(tmp_path / "sweep")])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
