from __future__ import annotations

from pathlib import Path

import keras
import pytest

import keras_ae
from keras_ae.reports import RunFolder
from keras_ae.reports.run import read_config


def test_the_history_comes_back_as_it_was_written(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    rows = [{"epoch": 1, "loss": 0.1 + 0.2}, {"epoch": 2, "loss": 1e-9}]
    run.write_history(rows)
    assert run.read_history() == rows
    assert RunFolder(tmp_path / "other").read_history() == []


def test_a_damaged_or_foreign_model_is_refused_in_one_line(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with pytest.raises(FileNotFoundError, match="must hold model.keras"):
        run.load_model()
    run.model.write_bytes(b"PK\x03\x04 not a model")
    with pytest.raises(ValueError, match="must be a whole model file"):
        run.load_model()
    inputs = keras.Input((2,))
    keras.Model(inputs, keras.layers.Dense(2)(inputs)).save(run.model)
    with pytest.raises(ValueError, match="must hold a keras_ae model. Received: Functional"):
        run.load_model()
    keras_ae.create("autoencoder", input_shape=(3,), latent_dim=2).save(run.model)
    assert run.load_model().latent_shape == (2,)


def test_settings_that_are_no_mapping_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    with pytest.raises(FileNotFoundError, match="must be a YAML file"):
        read_config(path)
    for text, message in (("a: [", "must be YAML"), ("- 1", "must hold a mapping")):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_config(path)


def test_a_damaged_history_is_refused_in_one_line(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for text in ("", "loss\n1.0\n", "epoch,loss\n1\n", "epoch,loss\n1,abc\n"):
        run.history.write_text(text)
        with pytest.raises(ValueError, match="must be a whole table with a column `epoch`"):
            run.read_history()


def test_a_new_run_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for name in (".partial-7-model.keras", "model.keras", "samples.png", "notes.txt"):
        (tmp_path / name).write_text("old")
    run.create()
    run.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_or_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"a folder that can be written\. Received: .*file"):
        RunFolder(tmp_path / "file").create()
