"""What was saved once is loaded by every later version, with the outputs that it had."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.exporting import parity

ROOT = Path(__file__).parents[2]
REPOSITORY = ROOT / "saved_models"
VERSION = REPOSITORY / "digits_vae" / "1"
ENDS = {
    "serving_default": ("x", "reconstruction"),
    "encode": ("x", "latent"),
    "decode": ("latent", "reconstruction"),
    "score": ("x", "score"),
}
"""Signature -> its input and output."""


@pytest.fixture(scope="module")
def kept() -> dict[str, np.ndarray]:
    """Eight digits, and the model's outputs for them on the day it was written."""
    with np.load(Path(__file__).parent / "digits_vae_1.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def model() -> Any:
    return keras.saving.load_model(VERSION / "assets.extra" / "model.keras")


def close(now: Any, then: np.ndarray) -> bool:
    return parity.difference(np.asarray(now), then) <= parity.TOLERANCE


def test_the_keras_file_still_gives_what_it_gave(model: Any, kept: dict[str, np.ndarray]) -> None:
    assert isinstance(model, keras_ae.LatentModel)
    assert close(model.encode(kept["x"]), kept["latent"])
    assert close(model.reconstruct(kept["x"]), kept["reconstruction"])
    assert close(model.decode(kept["latent"]), kept["reconstruction"])
    assert close(model.score(kept["x"]), kept["score"])


def test_the_keras_file_still_trains(kept: dict[str, np.ndarray]) -> None:
    again = keras.saving.load_model(VERSION / "assets.extra" / "model.keras")
    history = again.fit(kept["x"], epochs=30, verbose=0).history
    assert np.mean(history["loss"][-5:]) < np.mean(history["loss"][:5])


def test_the_saved_model_still_gives_what_it_gave(kept: dict[str, np.ndarray]) -> None:
    import tensorflow as tf

    signatures = tf.saved_model.load(str(VERSION)).signatures
    for name, (role_in, role_out) in ENDS.items():
        served = signatures[name](**{role_in: tf.constant(kept[role_in])})[role_out].numpy()
        assert close(served, kept[role_out]), name


def test_the_repository_is_laid_out_as_a_server_expects() -> None:
    config = (REPOSITORY / "models.config").read_text()
    names = re.findall(r'name: "(\w+)"', config)
    assert names == ["digits_vae"]
    for name in names:
        assert f'base_path: "/models/{name}"' in config
        assert (REPOSITORY / name / "1" / "saved_model.pb").is_file()
    size = sum(path.stat().st_size for path in VERSION.rglob("*") if path.is_file())
    assert size < 1_000_000
