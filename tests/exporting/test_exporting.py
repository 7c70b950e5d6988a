from __future__ import annotations

from pathlib import Path

import pytest

import keras_ae
from keras_ae import exporting


def test_the_next_version_is_one_above_the_largest_number(tmp_path: Path) -> None:
    assert exporting.next_version(tmp_path, "ae") == tmp_path / "ae" / "1"
    for name in ("2", "10", ".3-partial", "v9"):
        (tmp_path / "ae" / name).mkdir(parents=True)
    assert exporting.next_version(tmp_path, "ae") == tmp_path / "ae" / "11"


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    model = keras_ae.create("autoencoder", input_shape=(3,), latent_dim=2)
    with pytest.raises(ValueError, match="Did you mean 'saved_model'"):
        model.export(tmp_path / "1", format="saved-model")


def test_an_export_that_could_not_be_written_is_refused_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporting.check_target(tmp_path / "new" / "repository", "ae")
    assert list(tmp_path.iterdir()) == []
    for name in ("../ae", "", ".ae", "a/b"):
        with pytest.raises(ValueError, match="a model's name must have letters"):
            exporting.check_target(tmp_path, name)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="must be a folder that can be written"):
        exporting.check_target(tmp_path / "file", "ae")
