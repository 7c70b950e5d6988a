from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_ae.serving import versions
from keras_ae.serving.versions import BadRequest, Version

VERSION = Path(__file__).parents[2] / "saved_models" / "digits_vae" / "1"

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="one framework is enough: TensorFlow serves"
)


@pytest.fixture(scope="module")
def version() -> Version:
    return Version("digits_vae", 1, VERSION)


def test_functions_and_their_ends_come_from_the_file(version: Version) -> None:
    assert sorted(version.functions) == ["decode", "encode", "score", "serving_default"]
    score = version.function("score")
    assert (score.inputs["x"].shape, score.outputs["score"].shape) == ((-1, 8, 8, 1), (-1,))
    assert version.function(None).name == "serving_default"
    assert version.run(score, {"x": np.zeros((2, 8, 8, 1), "float32")})["score"].shape == (2,)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((2, 8, 8), "float32"), r"shape \(rows, 8, 8, 1\)"),
        (np.zeros((2, 8, 7, 1), "float32"), r"Received: \(2, 8, 7, 1\)"),
        (np.zeros((2, 8, 8, 1), "float64"), "must be FP32. Received: float64"),
        (np.full((1, 8, 8, 1), np.nan, "float32"), "must be finite"),
        (np.full((1, 8, 8, 1), np.inf, "float32"), "must be finite"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(version: Version, x: np.ndarray, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        version.run(version.function("score"), {"x": x})


def test_names_that_are_not_there_are_refused(version: Version) -> None:
    with pytest.raises(BadRequest, match="Did you mean 'score'"):
        version.function("scores")
    with pytest.raises(BadRequest, match=r"must be \['x'\]. Received: .*'y'"):
        version.run(version.function("score"), {"y": np.zeros((1, 8, 8, 1), "float32")})


def test_what_took_little_time_is_known_by_its_size(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "QUICK", 60.0)
    score = version.function("score")
    rows = {size: {"x": np.zeros((size, 8, 8, 1), "float32")} for size in (2, 3, 5000)}
    version.run(score, rows[2])
    assert version.is_quick(score, rows[2])
    assert version.is_quick(score, rows[3])
    assert not version.is_quick(score, rows[5000])
    monkeypatch.setattr(versions, "QUICK", 0.0)
    assert not version.is_quick(score, rows[2])


@pytest.mark.parametrize("left", ["saved_model.pb", "variables"])
def test_a_half_copied_folder_is_refused(tmp_path: Path, left: str) -> None:
    folder = tmp_path / "1"
    folder.mkdir()
    if left == "variables":
        shutil.copytree(VERSION / left, folder / left)
    else:
        shutil.copy(VERSION / left, folder / left)
    with pytest.raises(ValueError, match="must be a whole SavedModel|must hold a saved_model.pb"):
        Version("digits_vae", 1, folder)


def test_truncated_weights_are_refused(tmp_path: Path) -> None:
    shutil.copytree(VERSION, tmp_path / "1")
    (data,) = (tmp_path / "1" / "variables").glob("*.data*")
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(ValueError, match="must be a whole SavedModel"):
        Version("digits_vae", 1, tmp_path / "1")


def test_rows_are_computed_in_parts_and_put_together(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).random((7, 8, 8, 1), dtype="float32")
    whole = version.run(version.function("encode"), {"x": x})["latent"]
    monkeypatch.setattr(versions, "PART_ROWS", 3)
    parts = version.run(version.function("encode"), {"x": x})["latent"]
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)


def test_an_answer_that_would_be_too_large_is_refused_before_it_is_computed() -> None:
    small = Version("digits_vae", 2, VERSION.with_name("2"), most_bytes=4 * 64 * 10)
    latent = np.zeros((11, 8), "float32")
    small.run(small.function("decode"), {"latent": latent[:10]})
    with pytest.raises(BadRequest, match="at most 2560 bytes. Received: a request for 2816"):
        small.run(small.function("decode"), {"latent": latent})
    seeded = small.function("sample_seeded")
    large = {"seed": np.asarray(np.int32(2**31 - 1)), "count": np.asarray(np.int32(10))}
    assert small.run(seeded, large)["sample"].shape == (10, 8, 8, 1)
    asked = {"seed": np.int32(0), "count": np.int32(11)}
    with pytest.raises(BadRequest, match="Ask for fewer rows"):
        small.run(seeded, {name: np.asarray(value) for name, value in asked.items()})
    assert not small.is_quick(seeded, {name: np.asarray(v) for name, v in asked.items()})


def test_answers_that_are_no_numbers_are_refused(version: Version) -> None:
    x = np.full((1, 8, 8, 1), 1e38, "float32")
    with pytest.raises(BadRequest, match="must be finite. Received: inputs for which"):
        version.run(version.function("score"), {"x": x})


def test_a_function_may_answer_with_a_number(tmp_path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    spec = tf.TensorSpec((None, 2), tf.float32, name="x")
    module.mean = tf.function(lambda x: {"mean": tf.reduce_mean(x)}, input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"mean": module.mean})
    theirs = Version("theirs", 1, tmp_path / "1")
    answer = theirs.run(theirs.function("mean"), {"x": np.ones((600, 2), "float32")})
    assert answer["mean"] == 1.0
