from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import pytest

from keras_ae.datasets import downloads, places


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without data and without a network; the folder of all its places."""

    def offline(url: str, **_: Any) -> NoReturn:
        raise OSError(f"offline: {url}")

    monkeypatch.setenv("KERAS_AE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(places, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(downloads, "urlopen", offline)
    return tmp_path
