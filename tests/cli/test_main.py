from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_ae.cli.main import main

BACKEND = keras.backend.backend()
COMMAND = Path(sys.executable).parent / "keras-ae"


def run(*arguments: Any) -> None:
    main([str(a) for a in arguments])


def error_of(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2
    message = capsys.readouterr().err.strip()
    assert message.startswith("keras-ae: error: ")
    assert "\n" not in message
    return message


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "vae"
    run(
        *("train", "vae", "--data", "digits", "--out", folder, "--limit", 200, "--epochs", 2),
        *("--hidden", "16", "--latent-dim", 3, "--likelihood", "bernoulli"),
    )
    return folder


def test_a_run_folder_holds_what_a_run_promises(trained: Path) -> None:
    assert {p.name for p in trained.iterdir()} == {
        *("model.keras", "checkpoint.keras", "config.yaml", "history.csv", "metrics.json"),
        *("loss_curves.png", "reconstructions.png", "codes.png", "samples.png", "traversal.png"),
    }
    metrics = json.loads((trained / "metrics.json").read_text())
    for part in ("train", "validation", "test"):
        figures = metrics[part]
        assert figures["loss"] == pytest.approx(figures["reconstruction"] + figures["kl"], rel=1e-5)
        assert figures["mse"] > 0
    assert metrics["pca"]["components"] == 3
    assert set(metrics["linear_probe"]) == {"codes", "pca", "raw"}
    assert metrics["backend"] == BACKEND


def test_a_config_trains_the_same_again(trained: Path, tmp_path: Path) -> None:
    run("train", "--config", trained / "config.yaml", "--out", tmp_path / "again")
    first, again = (
        json.loads((p / "metrics.json").read_text()) for p in (trained, tmp_path / "again")
    )
    assert again["test"] == pytest.approx(first["test"], rel=1e-6)


@pytest.mark.parametrize("verb", ["encode", "reconstruct", "score"])
def test_a_run_folder_is_used_on_data(trained: Path, tmp_path: Path, verb: str) -> None:
    run(verb, trained, "--data", "digits", "--limit", 7, "--to", tmp_path / "out.npy")
    shape = {"encode": (7, 3), "reconstruct": (7, 8, 8, 1), "score": (7,)}[verb]
    assert np.load(tmp_path / "out.npy").shape == shape


def test_evaluation_prints_what_training_measured(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("evaluate", trained, "--limit", 200)
    printed = json.loads(capsys.readouterr().out)
    assert printed["mse"] == pytest.approx(
        json.loads((trained / "metrics.json").read_text())["test"]["mse"], rel=1e-5
    )


def test_samples_are_numbers_or_a_picture(trained: Path, tmp_path: Path) -> None:
    run("sample", trained, "--count", 5, "--to", tmp_path / "drawn.npy")
    assert np.load(tmp_path / "drawn.npy").shape == (5, 8, 8, 1)
    run("sample", trained, "--count", 5, "--to", tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trian",), "Did you mean 'train'"),
        (("train", "vea"), "Did you mean 'vae'"),
        (("train", "vae", "--out", "x"), "Missing option '--data'"),
        (("train", "vae", "--data", "mnits", "--out", "x"), "Did you mean 'mnist'"),
        (("train", "vae", "--data", "digits", "--out", "x", "--latent-dims", "3"), "--latent-dim"),
        (("train", "vae", "--data", "digits", "--out", "x", "--latent-dim", "0"), "`latent_dim`"),
        (("train", "vae", "--data", "digits", "--out", "x", "--epochs", "0"), "`epochs`"),
        (("train", "vae", "--data", "digits", "--out", "x", "--backend", "mxnet"), "one of"),
        (("train", "vae", "--data", "digits", "--out", "x", "--likelihood", "bern"), "bernoulli"),
        (("describe", "vea"), "Did you mean 'vae'"),
        (("score", "not_there", "--to", "a.npy"), "must hold model.keras"),
        (("train", "--config", "not_there.yaml", "--out", "x"), "must be a YAML file"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in error_of(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_and_ending_are_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ".npy or .csv" in error_of(capsys, "encode", trained, "--to", tmp_path / "a.txt")
    (tmp_path / "file").write_text("")
    inside = tmp_path / "file" / "run"
    error_of(capsys, "train", "vae", "--data", "digits", "--limit", 20, "--out", inside)


def test_help_is_quick_and_imports_no_keras() -> None:
    for arguments in (["--help"], ["train", "vae", "--help"], ["list"]):
        code = (
            "import sys; sys.argv = ['keras-ae', *sys.argv[1:]]\n"
            "from keras_ae.cli.main import main\n"
            "import atexit; atexit.register(lambda: print('keras' in sys.modules))\n"
            "main()"
        )
        started = time.perf_counter()
        child = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        assert time.perf_counter() - started < 2.0  # 0.1 s on a quiet machine
        assert child.stdout.endswith("False\n")


def test_the_command_is_installed_and_answers() -> None:
    child = subprocess.run([COMMAND, "list"], capture_output=True, text=True, check=True)
    assert "beta_vae" in child.stdout


def test_a_missing_backend_is_one_line() -> None:
    child = subprocess.run(
        [COMMAND, "train", "vae", "--data", "digits", "--out", "x", "--backend", "jaxx"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "nothing"},
    )
    assert child.returncode == 2
    assert child.stderr.count("\n") == 1
