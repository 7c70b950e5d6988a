from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.cli import training
from keras_ae.cli.checkpoints import Checkpoint, epochs_since_best, is_exhausted
from keras_ae.cli.main import main
from keras_ae.cli.settings import Settings
from keras_ae.datasets import Dataset
from keras_ae.reports import RunFolder

COMMON = ("--data", "digits", "--limit", 60, "--batch-size", 16, "--epochs", 4)
STEPS = 4  # of an epoch
SETTINGS = {
    "vae": ("vae", "--hidden", 8, "--latent-dim", 2, "--learning-rate-schedule", "cosine"),
    "vq_vae": ("vq_vae", "--num-codes", 5, "--tokens", 4, "--latent-dim", 2, "--hidden", 8),
    "adversarial_autoencoder": (
        *("adversarial_autoencoder", "--alternate", "true", "--latent-dim", 2, "--hidden", 8),
    ),
    "denoising_autoencoder": ("denoising_autoencoder", "--hidden", 8, "--normalize", "standard"),
}


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "draw", lambda *_: None)


def run(*arguments: Any) -> None:
    main([str(a) for a in arguments])


def interrupt_after(monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """Have Ctrl-C pressed when so many batches are trained on."""
    left = [batches]

    def on_train_batch_end(self: Any, batch: int, logs: Any = None) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "on_train_batch_end", on_train_batch_end, raising=False)


def crash_in_save(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Have the process end when the history has an epoch that the checkpoint lacks."""
    write, left = RunFolder.write, [number]

    def failing(self: RunFolder, target: Path, save: Callable[[Path], Any]) -> None:
        left[0] -= target == self.checkpoint
        if left[0] == 0:
            raise KeyboardInterrupt
        write(self, target, save)

    monkeypatch.setattr(RunFolder, "write", failing)


def stopped(out: Path, *arguments: Any) -> None:
    with pytest.raises(SystemExit) as stop:
        run("train", *arguments, "--out", out)
    assert stop.value.code == 130


def assert_same_run(one: Path, other: Path) -> None:
    first, second = (keras.saving.load_model(p / "model.keras") for p in (one, other))
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_allclose(np.array(a), np.array(b), rtol=1e-5, atol=1e-6, err_msg=a.path)
    for a, b in zip(*(RunFolder(p).read_history() for p in (one, other)), strict=True):
        assert a == pytest.approx(b, rel=1e-4)
    tests = [json.loads((p / "metrics.json").read_text())["test"] for p in (one, other)]
    assert tests[0] == pytest.approx(tests[1], rel=1e-4)


@pytest.mark.parametrize("batches", [1, STEPS, 2 * STEPS + 2])
def test_a_stopped_training_leaves_a_usable_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    interrupt_after(monkeypatch, batches)
    stopped(tmp_path / "run", *SETTINGS["vae"], *COMMON)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    epochs = (batches - 1) // STEPS
    assert metrics == {"status": "interrupted", "epochs": epochs, "wanted": 4}
    run("score", tmp_path / "run", "--limit", 3, "--to", tmp_path / "scores.npy")
    assert np.isfinite(np.load(tmp_path / "scores.npy")).all()
    assert not [p.name for p in (tmp_path / "run").iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name != "vae" else name for name in SETTINGS],
)
def test_a_resumed_training_ends_as_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run("train", *SETTINGS[name], *COMMON, "--out", tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2 * STEPS + 2)
        stopped(tmp_path / "parts", *SETTINGS[name], *COMMON)
    run("train", "--resume", tmp_path / "parts")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.slow
def test_a_resumed_training_stops_where_an_uninterrupted_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A rate so high that the held-out loss rises after the first epochs.
    patience = (*SETTINGS["vae"][:5], *COMMON[:-1], 12, "--patience", 2, "--learning-rate", 0.3)
    run("train", *patience, "--out", tmp_path / "whole")
    epochs = len((tmp_path / "whole" / "history.csv").read_text().splitlines()) - 1
    assert 3 <= epochs < 12
    with monkeypatch.context() as patch:
        interrupt_after(patch, STEPS * (epochs - 1) + 1)
        stopped(tmp_path / "parts", *patience)
    run("train", "--resume", tmp_path / "parts")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    run("train", "--resume", tmp_path / "parts")  # what has stopped stays as it is
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.slow
def test_a_crash_between_two_files_repeats_the_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("train", *SETTINGS["vae"], *COMMON, "--out", tmp_path / "whole")
    with monkeypatch.context() as patch:
        crash_in_save(patch, 3)  # the start, the first epoch, the second
        stopped(tmp_path / "parts", *SETTINGS["vae"], *COMMON)
    assert len(RunFolder(tmp_path / "parts").read_history()) == 2
    run("train", "--resume", tmp_path / "parts")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_what_was_never_started_cannot_be_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run("train", "--resume", tmp_path / "nothing")
    assert "must be a YAML file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_progress_is_measured_from_the_lowest_loss_held_out_where_it_is() -> None:
    rows = [{"loss": 3.0, "val_loss": 1.0}, {"loss": 2.0, "val_loss": 5.0}]
    assert epochs_since_best(rows) == 1
    assert epochs_since_best([{"loss": row["loss"]} for row in rows]) == 0
    assert epochs_since_best([{"loss": 1.0}, {"loss": float("nan")}]) == 1
    assert is_exhausted(rows, 1)
    assert not is_exhausted(rows, 2)
    assert not is_exhausted(rows, None)
    assert not is_exhausted([], 1)


def test_a_checkpoint_tells_how_many_epochs_it_has_behind_it() -> None:
    from keras_ae.cli.checkpoints import finished_epochs

    model = keras_ae.create("autoencoder", input_shape=(3,), latent_dim=2)
    model.step.assign(9)
    rows = [{"epoch": float(i)} for i in range(1, 5)]
    assert finished_epochs(model, rows, 4) == rows[:2]


def test_a_history_without_epochs_that_were_trained_is_refused(tmp_path: Path) -> None:
    from keras_ae.cli.checkpoints import finished_epochs

    model = keras_ae.create("autoencoder", input_shape=(3,), latent_dim=2)
    model.step.assign(9)
    with pytest.raises(ValueError, match="must have the 2 epochs that the checkpoint"):
        finished_epochs(model, [{"epoch": 1.0}], 4)


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_best_weights_that_cannot_be_read_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    run("train", *SETTINGS["vae"], *COMMON, "--patience", 3, "--out", tmp_path / "run")
    best = tmp_path / "run" / "best.weights.h5"
    best.unlink() if damage == "missing" else best.write_bytes(best.read_bytes()[:500])
    with pytest.raises(SystemExit) as stop:
        run("train", "--resume", tmp_path / "run")
    assert stop.value.code == 2
    assert "must hold the best weights" in capsys.readouterr().err


def test_ctrl_c_while_a_run_is_measured_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*_: Any) -> None:
        raise KeyboardInterrupt

    run("train", *SETTINGS["vae"], *COMMON, "--out", tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(training, "figures_of_merit", pressed)
        stopped(tmp_path / "parts", *SETTINGS["vae"], *COMMON)
    metrics = json.loads((tmp_path / "parts" / "metrics.json").read_text())
    assert metrics == {"status": "interrupted", "epochs": 4, "wanted": 4}
    run("train", "--resume", tmp_path / "parts")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_patience_leaves_the_weights_of_the_best_epoch(tmp_path: Path) -> None:
    # A rate so high that the held-out loss rises after the first epochs.
    options = ("autoencoder", "--hidden", 8, "--latent-dim", 2, "--learning-rate", 0.3)
    out = tmp_path / "run"
    run("train", *options, *COMMON[:-1], 12, "--patience", 3, "--out", out)
    losses = [row["val_loss"] for row in RunFolder(out).read_history()]
    assert losses[-1] > min(losses)
    measured = json.loads((out / "metrics.json").read_text())["validation"]["loss"]
    assert measured == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "held_out"), [({}, 0.0), ({"patience": 2}, 0.1), ({"validation": 0.25}, 0.25)]
)
def test_rows_that_choose_are_held_out_of_training(
    options: dict[str, Any], held_out: float
) -> None:
    settings = Settings("autoencoder", "digits", **options)
    x = np.arange(40.0).reshape(20, 2)
    parts = training.split(Dataset("d", x, None, -x, None, "here"), settings)
    train, validation = (set(parts[name][:, 0]) for name in ("train", "validation"))
    assert len(train) == 20 * (1 - held_out)
    if held_out:
        assert train | validation == set(x[:, 0])
        assert not train & validation
    else:
        assert validation == set(-x[:, 0])
