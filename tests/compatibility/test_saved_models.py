"""What was saved once is loaded by every later version, with the outputs that it had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.exporting import parity
from keras_ae.repository import card, config
from tests.exporting.served import through_c

ROOT = Path(__file__).parents[2]
REPOSITORY = ROOT / "saved_models"
ENDS = {
    "serving_default": ("x", "reconstruction"),
    "encode": ("x", "latent"),
    "decode": ("latent", "reconstruction"),
    "score": ("x", "score"),
}
"""Signature -> its input and output."""


@pytest.fixture(scope="module", params=["1", "2"])
def version(request: pytest.FixtureRequest) -> Path:
    return REPOSITORY / "digits_vae" / str(request.param)


@pytest.fixture(scope="module")
def kept(version: Path) -> dict[str, np.ndarray]:
    """Eight digits, and the model's outputs for them on the day it was written."""
    file = Path(__file__).parent / f"digits_vae_{version.name}.npz"
    with np.load(file) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def model(version: Path) -> Any:
    return keras.saving.load_model(version / "assets.extra" / "model.keras")


def close(now: Any, then: np.ndarray) -> bool:
    return parity.difference(np.asarray(now), then) <= parity.TOLERANCE


def test_the_keras_file_still_gives_what_it_gave(model: Any, kept: dict[str, np.ndarray]) -> None:
    assert isinstance(model, keras_ae.LatentModel)
    assert close(model.encode(kept["x"]), kept["latent"])
    assert close(model.reconstruct(kept["x"]), kept["reconstruction"])
    assert close(model.decode(kept["latent"]), kept["reconstruction"])
    assert close(model.score(kept["x"]), kept["score"])


def test_the_keras_file_still_trains(version: Path, kept: dict[str, np.ndarray]) -> None:
    again = keras.saving.load_model(version / "assets.extra" / "model.keras")
    history = again.fit(kept["x"], epochs=30, verbose=0).history
    assert np.mean(history["loss"][-5:]) < np.mean(history["loss"][:5])


def test_the_saved_model_still_gives_what_it_gave(
    version: Path, kept: dict[str, np.ndarray]
) -> None:
    import tensorflow as tf

    signatures = tf.saved_model.load(str(version)).signatures
    for name, (role_in, role_out) in ENDS.items():
        served = signatures[name](**{role_in: tf.constant(kept[role_in])})[role_out].numpy()
        assert close(served, kept[role_out]), name


def test_the_c_library_gives_what_it_gave_without_xla(
    version: Path, kept: dict[str, np.ndarray], tmp_path: Path
) -> None:
    runs = [
        (name, role_out, {role_in: kept[role_in][:rows]})
        for name, (role_in, role_out) in ENDS.items()
        for rows in (1, 3, 7)
    ]
    found = through_c(version, [(name, inputs) for name, _, inputs in runs], tmp_path)
    for (name, role_out, inputs), outputs in zip(runs, found, strict=True):
        rows = len(next(iter(inputs.values())))
        assert close(outputs[role_out], kept[role_out][:rows]), name


def test_version_2_is_what_its_card_says() -> None:
    said = card.check(REPOSITORY / "digits_vae" / "2")
    assert (said["name"], said["version"]) == ("digits_vae", "2")
    assert said["trained"]["backend"] == "torch"


def test_the_repository_is_laid_out_as_a_server_expects() -> None:
    assert config.labels_of(REPOSITORY) == {"digits_vae": {"stable": 1, "latest": 2}}
    text = (REPOSITORY / "models.config").read_text()
    assert 'base_path: "/models/digits_vae"' in text
    for number in ("1", "2"):
        folder = REPOSITORY / "digits_vae" / number
        assert (folder / "saved_model.pb").is_file()
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        assert size < 1_000_000
