from __future__ import annotations

import shutil
from pathlib import Path

import keras
import pytest

from keras_ae.serving.watching import Watcher

VERSION = Path(__file__).parents[2] / "saved_models" / "digits_vae" / "1"

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="one framework is enough: TensorFlow serves"
)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def watcher(tmp_path: Path, said: list[str]) -> Watcher:
    return Watcher(tmp_path, said.append)


def test_versions_come_and_go_with_their_folders(watcher: Watcher, said: list[str]) -> None:
    for version in ("1", "2"):
        shutil.copytree(VERSION, watcher.root / "ae" / version)
    shutil.copytree(VERSION, watcher.root / ".hidden" / "1")
    (watcher.root / "ae" / "v3").mkdir()
    assert watcher.scan()
    names = watcher.names()
    assert sorted(names) == ["ae", "ae@1", "ae@2"]
    assert names["ae"] is names["ae@2"]
    assert not watcher.scan()
    shutil.rmtree(watcher.root / "ae" / "2")
    assert watcher.scan()
    assert watcher.names()["ae"].number == 1
    assert said[-1] == "ae 2: gone"


def test_labels_are_names_too_and_may_move(watcher: Watcher) -> None:
    for version in ("1", "2"):
        shutil.copytree(VERSION, watcher.root / "ae" / version)
    config = watcher.root / "models.config"
    text = 'config {{ name: "ae" version_labels {{ key: "stable" value: {} }} }}'
    text = f"model_config_list {{{{ {text} }}}}"
    config.write_text(text.format(1))
    watcher.scan()
    assert watcher.names()["ae@stable"].number == 1
    config.write_text(text.format(2))
    assert watcher.scan()
    assert watcher.names()["ae@stable"].number == 2
    config.write_text("damaged")
    assert watcher.scan()
    assert "ae@stable" not in watcher.names()


def test_what_cannot_be_loaded_is_said_once_and_tried_again_when_it_changes(
    watcher: Watcher, said: list[str]
) -> None:
    folder = watcher.root / "ae" / "1"
    folder.mkdir(parents=True)
    shutil.copy(VERSION / "saved_model.pb", folder)
    assert not watcher.scan()
    assert not watcher.scan()
    assert len(said) == 1
    assert said[0].startswith("ae 1: not served: a version must be a whole SavedModel")
    shutil.copytree(VERSION / "variables", folder / "variables")
    assert watcher.scan()
    assert said[-1].startswith("ae 1: served: ")


def test_a_broken_version_that_went_and_came_back_is_tried_again(
    watcher: Watcher, said: list[str]
) -> None:
    folder, aside = watcher.root / "ae" / "1", watcher.root / "aside"
    folder.mkdir(parents=True)
    shutil.copy(VERSION / "saved_model.pb", folder)
    watcher.scan()
    folder.rename(aside)
    watcher.scan()
    aside.rename(folder)
    watcher.scan()
    assert len(said) == 2


def test_a_version_is_loaded_again_when_its_folder_changes(
    watcher: Watcher, said: list[str]
) -> None:
    shutil.copytree(VERSION.with_name("2"), watcher.root / "digits_vae" / "2")
    card = watcher.root / "digits_vae" / "2" / "model_card.md"
    text = card.read_text()
    card.unlink()  # it has not arrived yet
    watcher.scan()
    assert not watcher.names()["digits_vae"].takes_missing_entries
    card.write_text(text.replace("takes_missing_entries: false", "takes_missing_entries: true"))
    assert watcher.scan()
    assert watcher.names()["digits_vae"].takes_missing_entries
    card.write_text(text[:100])
    assert watcher.scan()
    assert watcher.names() == {}
    assert said[-1].startswith("digits_vae 2: not served: a model_card.md must be whole")


def test_files_that_go_while_they_are_looked_at_do_no_harm(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    shutil.copytree(VERSION, watcher.root / "ae" / "1")
    watcher.scan()
    (watcher.root / "ae" / "1" / "nowhere").symlink_to(watcher.root / "none")
    (watcher.root / "ae" / "2").mkdir()
    (watcher.root / "ae" / "2" / "nowhere").symlink_to(watcher.root / "none")
    watcher.scan()
    assert sorted(watcher.names()) == ["ae", "ae@1"]

    def fails(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", fails)
    assert not watcher.scan()
    assert sorted(watcher.names()) == ["ae", "ae@1"]
    assert said[-1] == f"{watcher.root} cannot be read: Permission denied"
