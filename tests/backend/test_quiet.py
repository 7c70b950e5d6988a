from __future__ import annotations

import os
import subprocess
import sys

import pytest

from keras_ae.backend.quiet import held_back_stderr


def test_what_is_written_is_held_back(capfd: pytest.CaptureFixture[str]) -> None:
    with held_back_stderr():
        os.write(2, b"chatter")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_what_is_written_before_a_failure_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with held_back_stderr():
            os.write(2, b"the reason")
            raise ImportError("broken")

    with pytest.raises(ImportError, match="broken"):
        fail()
    assert capfd.readouterr().err == "the reason"


def test_tensorflow_is_imported_without_a_word() -> None:
    code = (
        "import sys\n"
        "from keras_ae.backend.quiet import import_tensorflow\n"
        "import_tensorflow()\n"
        "assert 'tensorflow' in sys.modules"
    )
    silent = {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    child = subprocess.run(
        [sys.executable, "-c", code], env=silent, capture_output=True, text=True, check=True
    )
    assert child.stderr == ""
