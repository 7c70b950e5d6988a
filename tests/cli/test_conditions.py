"""Runs whose model is told the labels, through the whole command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from keras_ae import datasets
from keras_ae.cli import conditions
from keras_ae.cli.settings import Settings
from keras_ae.conditions import Label, Vector
from tests.cli.test_main import error_of, run

SMALL = ("--epochs", 1, "--hidden", "8", "--latent-dim", 2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "cvae"
    given = ("--data", "digits", "--limit", 150, "--validation", 0.2, "--condition", "labels")
    run("train", "conditional_vae", "--out", folder, *given, *SMALL)
    return folder


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of two kinds, whose labels are words."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(40, 3)), columns=["a", "b", "c"])
    frame["kind"] = np.where(np.arange(40) % 2, "owl", "elk")
    path = tmp_path_factory.mktemp("tables") / "animals.csv"
    frame.to_csv(path, index=False)
    return path


def test_the_classes_of_the_data_are_the_models_condition(trained: Path) -> None:
    model = keras.saving.load_model(trained / "model.keras")
    assert model.condition.categories == 10
    assert model.condition.names is None
    assert "condition: labels" in (trained / "config.yaml").read_text()
    assert {p.name for p in trained.glob("*.png")} == {
        *("loss_curves.png", "reconstructions.png", "codes.png", "samples.png", "traversal.png"),
    }
    metrics = json.loads((trained / "metrics.json").read_text())
    assert "linear_probe" not in metrics  # its codes are made with the labels
    assert metrics["validation"]["rows"] == 30


def test_every_verb_finds_the_labels_of_its_rows(trained: Path, tmp_path: Path) -> None:
    model = keras.saving.load_model(trained / "model.keras")
    data = datasets.load("digits", limit=150)
    rows = {"x": data.x_test, "condition": data.y_test}
    for verb, method in (
        ("encode", model.encode),
        ("reconstruct", model.reconstruct),
        ("score", model.score),
    ):
        run(verb, trained, "--to", tmp_path / "out.npy")
        np.testing.assert_allclose(
            np.load(tmp_path / "out.npy"), method(rows), rtol=1e-5, atol=1e-5
        )
    run("log-prob", trained, "--samples", 2, "--limit", 9, "--to", tmp_path / "rows.npy")
    assert np.load(tmp_path / "rows.npy").shape == (9,)
    run("evaluate", trained, "--to", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures == pytest.approx(json.loads((trained / "metrics.json").read_text())["test"])


def test_samples_are_of_the_class_that_is_named(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = keras.saving.load_model(trained / "model.keras")
    run("sample", trained, "--count", 5, "--condition", 3, "--to", tmp_path / "three.npy")
    drawn = np.load(tmp_path / "three.npy")
    np.testing.assert_allclose(drawn, model.sample(5, condition=3, seed=0), rtol=1e-5, atol=1e-6)
    for given in ((), ("--condition", 10)):
        message = error_of(capsys, "sample", trained, *given, "--to", tmp_path / "no.npy")
        assert "`--condition` must be one of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]" in message


def test_a_sampler_is_fitted_to_a_run_that_is_told_labels(trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in trained.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    run("fit-sampler", copy, "--sampler", "gaussian_mixture", "--sampler.components", 2)
    run("sample", copy, "--count", 3, "--condition", 1, "--to", tmp_path / "out.png")
    assert (tmp_path / "out.png").stat().st_size > 1000


def test_a_run_is_resumed_and_trained_again(trained: Path, tmp_path: Path) -> None:
    before = json.loads((trained / "metrics.json").read_text())
    run("train", "--config", trained / "config.yaml", "--out", tmp_path / "again")
    again = json.loads((tmp_path / "again" / "metrics.json").read_text())
    assert again["test"] == pytest.approx(before["test"], rel=1e-6)
    run("train", "--resume", tmp_path / "again")
    resumed = json.loads((tmp_path / "again" / "metrics.json").read_text())
    assert resumed["test"] == pytest.approx(before["test"], rel=1e-6)


def test_words_are_classes_of_any_variant(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "denoiser"
    column = ("--label-column", "kind")
    given = ("--data", table, *column, "--condition", "labels", *SMALL)
    run("train", "denoising_autoencoder", "--out", folder, *given)
    model = keras.saving.load_model(folder / "model.keras")
    assert model.condition.names == ["elk", "owl"]
    assert (folder / "denoising.png").is_file()
    run("encode", folder, "--data", table, *column, "--to", tmp_path / "codes.npy")
    frame = pd.read_csv(table)
    rows = {"x": frame[["a", "b", "c"]].to_numpy(), "condition": (frame["kind"] == "owl") * 1}
    np.testing.assert_allclose(np.load(tmp_path / "codes.npy"), model.encode(rows), rtol=1e-5)
    frame.drop(columns="kind").to_csv(tmp_path / "bare.csv", index=False)
    to = ("--to", tmp_path / "no.npy")
    message = error_of(capsys, "score", folder, "--data", tmp_path / "bare.csv", *to)
    assert "needs data with labels. Received:" in message
    frame.replace("owl", "yak").to_csv(tmp_path / "other.csv", index=False)
    message = error_of(capsys, "score", folder, "--data", tmp_path / "other.csv", *column, *to)
    assert "a label must be one of ['elk', 'owl']. Received: 'yak'" in message


def test_a_vector_quantizer_is_told_labels_too(table: Path, tmp_path: Path) -> None:
    given = ("--data", table, "--label-column", "kind", "--condition", "labels", *SMALL)
    run("train", "vq_vae", "--out", tmp_path / "vq", *given, "--num-codes", 4)
    model = keras.saving.load_model(tmp_path / "vq" / "model.keras")
    assert model.condition.names == ["elk", "owl"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("conditional_vae",), "conditional_vae needs a condition. Received: no --condition"),
        (("vae", "--condition", "label"), "`condition` must be one of ['labels']"),
        (("linear_autoencoder", "--condition", "labels"), "Received: 'condition'"),
    ],
)
def test_what_cannot_be_told_is_refused(
    given: Any, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = error_of(capsys, "train", *given, "--data", "digits", "--out", tmp_path / "run")
    assert words in message
    assert not (tmp_path / "run").exists()


def test_labels_are_numbered_in_their_order() -> None:
    x = np.zeros((4, 2), "float32")

    def of(labels: Any) -> Label | None:
        y = None if labels is None else np.array(labels)
        data = datasets.Dataset("set", x, y, x, y, "here")
        return conditions.condition_of(Settings("vae", "set", condition="labels"), data)

    assert of([0, 1, 2, 1]).arguments == {"categories": 3, "names": None, "partial": False}
    assert of([7, 5, 7, 5]).names == [5, 7]
    assert of([1.0, 0.0, 1.0, 0.0]).names is None
    assert of(["b", "a", "b", "a"]).names == ["a", "b"]
    with pytest.raises(ValueError, match="must be classes. Received: 0.5 among"):
        of([0.5, 1, 2, 3])
    with pytest.raises(ValueError, match="needs data with labels. Received: here without"):
        of(None)


def test_a_class_is_named_by_its_word_or_its_number() -> None:
    assert conditions.named(Label(2, names=["elk", "owl"]), "owl") == 1
    assert conditions.named(Label(2, names=[5, 7]), "7.0") == 1
    assert conditions.named(Label(3), "2") == 2
    assert conditions.named(None, None) is None
    assert conditions.named(Vector(2), "1.5,2") == [1.5, 2.0]
    with pytest.raises(ValueError, match="must be the labels. Received: a model with Vector"):
        conditions.told(Vector(2), np.zeros((3, 2)), None)


def test_a_variant_that_infers_labels_takes_rows_without(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((40, 4))
    labels = np.where(np.arange(40) < 10, np.arange(40) % 2 + 5, -1)
    np.savez(tmp_path / "few.npz", x=x, y=labels)
    data, out = tmp_path / "few.npz", tmp_path / "run"
    run("train", "semi_supervised_vae", "--data", data, "--out", out, "--condition", "labels")
    run("encode", out, "--to", tmp_path / "codes.npy")
    model = keras.saving.load_model(out / "model.keras")
    assert (model.condition.names, model.condition.partial) == ([5, 6], True)
    assert np.isfinite(np.load(tmp_path / "codes.npy")).all()
