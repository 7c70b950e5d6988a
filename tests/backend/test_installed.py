from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from keras_ae.backend import installed


def test_the_variable_comes_before_the_config_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert installed.wanted_backend() == "torch"
    monkeypatch.delenv("KERAS_BACKEND")
    assert installed.wanted_backend() == "jax"
    (tmp_path / "keras.json").write_text("{broken")
    assert installed.wanted_backend() == "tensorflow"


def test_a_backend_that_is_not_there_is_named_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delitem(installed.sys.modules, "jax", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'keras-ae\[jax\]'"):
        installed.check_installed("jax")


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ValueError, match="a backend must be one of"):
        installed.check_installed("mxnet")
