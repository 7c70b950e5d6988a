from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
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


def test_importing_the_package_names_an_unknown_backend() -> None:
    child = subprocess.run(
        [sys.executable, "-c", "import keras_ae"],
        env={**os.environ, "KERAS_BACKEND": "jaxx"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 1
    assert child.stderr.splitlines()[-1].startswith("ValueError: a backend must be one of")


def test_importing_the_package_says_how_to_install_a_missing_backend() -> None:
    code = (
        "import sys, importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'jax' else find(name, *rest)\n"
        "import keras_ae"
    )
    child = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    last = child.stderr.splitlines()[-1]
    assert last.startswith("ImportError: the backend must be installed. Received: 'jax'")
    assert "pip install 'keras-ae[jax]'" in last
