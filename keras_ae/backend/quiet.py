"""Imports without what native libraries write to the terminal."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def held_back_stderr() -> Iterator[None]:
    """Hold back what is written to the error stream; it is shown only if the block fails."""
    sys.stderr.flush()
    stream = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(stream, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stream, 2)
            os.close(stream)


def import_tensorflow() -> None:
    """Import TensorFlow, where it is installed, without its notes on the processor.

    Keras imports it on every backend when it saves or loads a model. The notes come before
    TensorFlow reads the variable that silences it.
    """
    if importlib.util.find_spec("tensorflow") is not None:
        with held_back_stderr():
            importlib.import_module("tensorflow")
