from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae import exporting
from keras_ae.exporting import ExportReport, parity, worker
from keras_ae.exporting.signatures import signatures_of
from keras_ae.reports import RunFolder
from keras_ae.repository import card
from tests.exporting.own import with_own_layer
from tests.exporting.served import through_c


def test_a_version_is_whole_and_equals_the_model(model: Any, exported: ExportReport) -> None:
    assert set(exported.parity) == {s.name for s in signatures_of(model)}
    assert max(exported.parity.values()) <= parity.TOLERANCE
    assert exported.copies["saved_model"].seconds > 0
    said = card.check(exported.path)
    assert (said["name"], said["version"]) == ("ae", "1")
    assert {p.name for p in exported.path.parent.iterdir()} == {"1"}
    root = exported.path.parent.parent
    assert {p.name for p in root.iterdir()} == {
        *("ae", "models.config", "batching.config", "monitoring.config")
    }
    extra = exported.path / "assets.extra"
    assert {p.name for p in extra.iterdir()} == {"model.keras", "tf_serving_warmup_requests"}
    assert keras.saving.load_model(extra / "model.keras").variant == "vq_vae"
    mode = exported.path.stat().st_mode & 0o777
    assert mode & 0o555 == 0o555, oct(mode)  # a server is another user


def test_the_c_library_serves_every_signature_at_three_batch_sizes(
    model: Any, exported: ExportReport, tmp_path: Path
) -> None:
    signatures = signatures_of(model)
    made = parity.probe(model, signatures, seed=1)
    runs, expected = [], []
    for signature in signatures:
        for rows in parity.BATCHES:
            inputs = {k: a[:rows] for k, a in parity.inputs_of(signature, made).items()}
            runs.append((signature.name, inputs))
            name = signature.output.name
            expected.append((name, made[f"{signature.name}/out/{name}"][:rows]))
    for served, (name, own) in zip(through_c(exported.path, runs, tmp_path), expected, strict=True):
        assert parity.difference(served[name], own) <= parity.TOLERANCE


def test_a_version_is_never_overwritten(model: Any, exported: ExportReport) -> None:
    with pytest.raises(ValueError, match="A version is never overwritten"):
        model.export(exported.path)


def test_what_cannot_be_done_is_refused_before_anything_is_written(
    model: Any, tmp_path: Path
) -> None:
    for options, words in [
        ({"format": "saved-model"}, "Did you mean 'saved_model'"),
        ({"format": []}, "must name at least one"),
        ({"signatures": ["sample"]}, "a signature of `vq_vae` must be one of"),
        ({"labels": ["1st"]}, "a label must begin with a letter"),
    ]:
        with pytest.raises(ValueError, match=words):
            model.export(tmp_path / "ae" / "1", **options)
    with pytest.raises(ValueError, match="`labels` are for versions with a SavedModel"):
        model.export(tmp_path / "folder", labels=["canary"])
    with pytest.raises(TypeError, match="needs a LatentModel, an estimator of tables, a run f"):
        keras_ae.exporting.export(3, tmp_path / "1")
    with pytest.raises(FileNotFoundError):
        keras_ae.exporting.export(tmp_path / "no_run", tmp_path / "ae" / "1")
    (tmp_path / "damaged.keras").write_bytes(b"PK damaged")
    with pytest.raises(ValueError, match="must be a whole model file"):
        keras_ae.exporting.export(tmp_path / "damaged.keras", tmp_path / "ae" / "1")
    assert [p.name for p in tmp_path.iterdir()] == ["damaged.keras"]


def test_code_in_a_keras_file_is_not_run(tmp_path: Path) -> None:
    inputs = keras.Input((3,))
    network = keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs))
    network.save(tmp_path / "lambda.keras")
    with pytest.raises(ValueError, match=r"must be a whole model file.*[Ll]ambda"):
        keras_ae.exporting.export(tmp_path / "lambda.keras", tmp_path / "ae" / "1")
    assert not (tmp_path / "ae").exists()


@pytest.fixture(scope="module")
def plain() -> Any:
    return keras_ae.create("autoencoder", input_shape=(4,), latent_dim=2, hidden=[3])


@pytest.mark.slow
def test_a_plain_folder_and_chosen_signatures_of_a_run(plain: Any, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.create()
    run.write(run.model, plain.save)
    run.write_config({"variant": "autoencoder", "data": "digits", "epochs": 2})
    run.write_metrics({"test": {"loss": 1.5}, "data": {"name": "digits", "origin": "here"}})
    lines: list[str] = []
    report = keras_ae.exporting.export(
        run.path, tmp_path / "plain", signatures=["score", "encode"], progress=lines.append
    )
    assert report.signatures == ("encode", "score")
    said = card.check(tmp_path / "plain")
    assert (said["name"], said["version"]) == ("plain", "none")
    assert said["trained"]["epochs"] == 2
    assert said["metrics"]["test"]["loss"] == 1.5
    assert lines[0].startswith("saved_model: written and compared in ")
    assert {p.name for p in tmp_path.iterdir()} == {"run", "plain"}


def test_an_export_that_could_not_be_written_is_refused_before(tmp_path: Path) -> None:
    exporting.check_target(tmp_path / "new" / "repository", "ae")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="a model's name must have letters"):
        exporting.check_target(tmp_path, "../ae")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="must be a folder that can be written"):
        exporting.check_target(tmp_path / "file", "ae")


def test_a_copy_that_differs_from_its_model_is_refused_and_nothing_is_left(
    plain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = parity.probe(plain, signatures_of(plain))
    made["score/out/score"] = made["score/out/score"] * 1.001
    monkeypatch.setattr(parity, "probe", lambda model, signatures: made)
    with pytest.raises(ValueError, match="must equal its model.* in signature 'score'"):
        plain.export(tmp_path / "ae" / "1")
    assert list(tmp_path.rglob("*")) == []


def test_a_module_that_is_not_there_is_named_and_nothing_is_left(
    plain: Any, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="a copy could not be made.*not_there"):
        plain.export(tmp_path / "ae" / "1", modules=["not_there"])
    assert list(tmp_path.rglob("*")) == []


OWN = str(Path(__file__).parent / "own.py")


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="written in process there")
def test_layers_of_ones_own_need_their_module(tmp_path: Path) -> None:
    model = with_own_layer()
    with pytest.raises(ValueError, match="name the file or module that defines.*--import"):
        model.export(tmp_path / "ae" / "1")
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.slow
def test_layers_of_ones_own_are_exported_with_their_module(tmp_path: Path) -> None:
    model = with_own_layer()
    report = model.export(tmp_path / "ae" / "1", modules=[OWN])
    assert max(report.parity.values()) <= parity.TOLERANCE


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="elsewhere a process does it")
def test_on_tensorflow_they_are_written_in_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    original = worker.carry_out
    monkeypatch.setattr(worker, "carry_out", lambda *a: (calls.append(a), original(*a)))
    report = with_own_layer().export(tmp_path / "ae" / "1")
    assert len(calls) == 1
    assert max(report.parity.values()) <= parity.TOLERANCE


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let files hold 20 kB, as if the disk had no more."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.usefixtures("small_files")
def test_a_full_disk_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    model = keras_ae.create("autoencoder", input_shape=(60,), latent_dim=60, hidden=[100])
    with pytest.raises(OSError, match="room on the disk|File too large") as caught:
        model.export(tmp_path / "ae" / "1")
    assert caught.value.errno in (errno.ENOSPC, errno.EFBIG)
    assert list(tmp_path.rglob("*")) == []


def test_a_process_that_dies_is_an_error_and_nothing_is_left(
    plain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting.child.sys, "executable", "/bin/false")
    with pytest.raises(ValueError, match="could not be made. Received: exit code 1"):
        plain.export(tmp_path / "ae" / "1")
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.slow
def test_half_precision_is_served_in_float32(tmp_path: Path) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = keras_ae.create("vae", input_shape=(6,), latent_dim=3)
    finally:
        keras.config.set_dtype_policy("float32")
    report = model.export(tmp_path / "ae" / "1")
    assert max(report.parity.values()) <= parity.TOLERANCE
    x = np.random.default_rng(0).random((5, 6), dtype="float32")
    (served,) = through_c(report.path, [("encode", {"x": x})], tmp_path)
    assert served["latent"].dtype == "float32"
    np.testing.assert_allclose(served["latent"], model.encode(x), atol=0.05)


@pytest.mark.slow
def test_all_formats_go_into_one_version(plain: Any, tmp_path: Path) -> None:
    report = plain.export(tmp_path / "ae" / "1", format=list(exporting.FORMATS))
    assert set(report.copies) == set(exporting.FORMATS)
    assert {p.name for p in report.path.iterdir() if p.is_dir()} == {
        *("assets", "assets.extra", "variables", "onnx", "litert", "openvino", "torch")
    }
    card.check(report.path)
    assert os.listdir(report.path / "litert") == ["model.tflite"]


@pytest.mark.slow
def test_a_version_without_a_saved_model_is_no_version_of_a_servers(
    plain: Any, tmp_path: Path
) -> None:
    (tmp_path / "ae" / "1").mkdir(parents=True)
    other = "torch" if keras.backend.backend() == "torch" else "litert"
    plain.export(tmp_path / "ae" / "2", format=other, signatures=["score"])
    assert {p.name for p in tmp_path.iterdir()} == {"ae"}
    assert {p.name for p in (tmp_path / "ae" / "2").iterdir()} == {other, card.FILE}


def test_a_version_that_cannot_be_registered_is_taken_back(
    plain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_nothing(*arguments: Any) -> dict[str, Any]:
        return {"saved_model": exporting.Copy({"encode": 0.0}, 0.0)}

    def fails(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting.child, "write_copies", write_nothing)
    monkeypatch.setattr(exporting.config, "register", fails)
    with pytest.raises(KeyboardInterrupt):
        plain.export(tmp_path / "ae" / "1")
    assert not (tmp_path / "ae" / "1").exists()


def test_a_path_may_be_relative(
    plain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ae").mkdir()
    (tmp_path / "models.config").write_text("damaged")
    monkeypatch.chdir(tmp_path / "ae")
    with pytest.raises(ValueError, match="models.config must be"):
        plain.export("1")
    assert list((tmp_path / "ae").iterdir()) == []


@pytest.mark.slow
def test_half_precision_of_layers_of_ones_own_is_served_in_float32_too(tmp_path: Path) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        x = keras.Input((6,))
        encoder = keras.Model(x, keras.layers.Dense(8, activation="relu")(x))
        model = keras_ae.create("vae", input_shape=(6,), latent_dim=3, encoder=encoder)
    finally:
        keras.config.set_dtype_policy("float32")
    report = model.export(tmp_path / "ae" / "1")
    assert max(report.parity.values()) <= parity.TOLERANCE
