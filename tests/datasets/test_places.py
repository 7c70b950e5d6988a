from __future__ import annotations

from pathlib import Path

import pytest

from keras_ae.datasets import places


def test_without_the_variable_there_is_no_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_AE_DATA", raising=False)
    assert places.data_folder("mnist") == []


def test_the_data_folder_has_a_folder_for_each_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_AE_DATA", "~/data")
    assert places.data_folder("mnist") == [Path.home() / "data" / "mnist"]


@pytest.mark.parametrize("home", [None, "", "elsewhere"])
def test_the_cache_is_the_one_of_keras(monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    monkeypatch.delenv("KERAS_HOME", raising=False)
    if home is not None:
        monkeypatch.setenv("KERAS_HOME", home)
    assert places.cache() == Path(home or Path.home() / ".keras") / "datasets"
