from __future__ import annotations

from pathlib import Path

import pytest

from keras_ae.repository import layout


def test_the_next_version_is_one_above_the_largest_number(tmp_path: Path) -> None:
    assert layout.next_version(tmp_path, "ae") == tmp_path / "ae" / "1"
    for name in ("2", "10", ".3-partial", "v9", "0.1", "007"):
        (tmp_path / "ae" / name).mkdir(parents=True)
    assert layout.versions(tmp_path / "ae") == [2, 10]
    assert layout.next_version(tmp_path, "ae") == tmp_path / "ae" / "11"


def test_names_and_labels_must_fit_into_an_address() -> None:
    for name in ("../ae", "", ".ae", "a/b", "a b"):
        with pytest.raises(ValueError, match="a model's name must have letters"):
            layout.check_name(name)
    for label in ("1", "", "a b", "a/b"):
        with pytest.raises(ValueError, match="a label must begin with a letter"):
            layout.check_label(label)
