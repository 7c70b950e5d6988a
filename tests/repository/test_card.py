from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

import keras_ae
from keras_ae.exporting.child import Copy
from keras_ae.exporting.facts import facts_of
from keras_ae.exporting.signatures import signatures_of
from keras_ae.repository import card


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = keras_ae.create("vae", input_shape=(4,), latent_dim=2, hidden=[3])
    metrics = {"test": {"loss": 3.25, "rows": 4}, "data": {"name": "digits", "origin": "sklearn"}}
    run: dict[str, Any] = {"settings": {"epochs": 3, "data": "digits"}, "metrics": metrics}
    copies = {"saved_model": Copy({"encode": 1e-7, "score": 3e-7}, 0.5)}
    (tmp_path / "1" / "variables").mkdir(parents=True)
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "1" / "variables" / "data").write_bytes(b"weights")
    said = facts_of(model, signatures_of(model), copies, run)
    card.write(tmp_path / "1", "ae", "1", said)
    return tmp_path / "1"


def test_a_card_says_what_a_version_is_and_came_from(folder: Path) -> None:
    said = card.read(folder)
    assert (said["name"], said["version"], said["variant"]) == ("ae", "1", "vae")
    assert said["paper"].startswith("Kingma and Welling (2014)")
    assert said["arguments"]["latent_dim"] == 2
    assert said["trained"]["epochs"] == 3
    assert said["metrics"]["test"]["loss"] == 3.25
    assert said["signatures"]["encode"]["inputs"] == {"x": {"shape": [None, 4], "dtype": "float32"}}
    assert said["formats"]["saved_model"]["differences"]["score"] == 3e-7
    assert said["takes_missing_entries"] is False
    assert said["versions"]["keras-ae"] == keras_ae.__version__
    text = (folder / card.FILE).read_text()
    assert "| `encode` | `x` (batch, 4) float32 | `latent` (batch, 2) float32 |" in text
    assert "| `sample` | `noise` (batch, 2) float32 from N(0, 1) |" in text
    assert "Trained on digits: sklearn." in text
    assert "loss 3.25" in text


def test_a_card_says_which_labels_a_model_knows(tmp_path: Path) -> None:
    kinds = {"name": "label", "categories": 3}
    model = keras_ae.create("conditional_vae", input_shape=(4,), latent_dim=2, condition=kinds)
    copies = {"saved_model": Copy({"encode": 1e-7}, 0.5)}
    card.write(tmp_path, "ae", "1", facts_of(model, signatures_of(model), copies, {}))
    text = (tmp_path / card.FILE).read_text()
    assert "`x` (batch, 4) float32, `condition` (batch,) int32 from 0 to 2 |" in text


def test_its_checksums_are_those_of_the_files(folder: Path) -> None:
    assert card.check(folder)["sha256"] == {
        "saved_model.pb": hashlib.sha256(b"graph").hexdigest(),
        "variables/data": hashlib.sha256(b"weights").hexdigest(),
    }


def test_a_half_copied_or_changed_version_is_refused(folder: Path) -> None:
    (folder / "variables" / "data").write_bytes(b"weight")
    with pytest.raises(ValueError, match="variables/data, which is changed"):
        card.check(folder)
    (folder / "variables" / "data").unlink()
    with pytest.raises(ValueError, match="variables/data, which is missing"):
        card.check(folder)
    (folder / "variables" / "data").write_bytes(b"weights")
    (folder / "more").write_bytes(b"")
    with pytest.raises(ValueError, match="more, which is not on its card"):
        card.check(folder)


@pytest.mark.parametrize(
    "text", ["", "---\n", "# no facts", "---\n{\n---\n", "---\nname: x\n---\n"]
)
def test_a_damaged_card_is_refused(folder: Path, text: str) -> None:
    (folder / card.FILE).write_text(text)
    with pytest.raises(ValueError, match="model_card.md must be whole"):
        card.read(folder)


def test_a_version_without_a_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="must have a model_card.md"):
        card.read(tmp_path)
