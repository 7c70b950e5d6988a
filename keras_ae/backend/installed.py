"""Which backend Keras will take, found out without importing it."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

BACKENDS = ("jax", "tensorflow", "torch")


def wanted_backend() -> str:
    """Return the backend of `KERAS_BACKEND`, else of Keras's config file, else Keras's default.

    Raises:
        ValueError: Keras's config file holds something else than a mapping, which stops Keras.
    """
    if name := os.environ.get("KERAS_BACKEND"):
        return name
    home = os.environ.get("KERAS_HOME", os.path.join(os.path.expanduser("~"), ".keras"))
    path = Path(home) / "keras.json"
    try:
        settings = json.loads(path.read_text())
    except (OSError, ValueError):
        return "tensorflow"
    if not isinstance(settings, dict):
        raise ValueError(f"Keras's config file must hold a mapping. Received: {path} with another")
    return str(settings.get("backend", "tensorflow"))


def check_installed(name: str | None = None) -> str:
    """Return the backend that will run.

    Args:
        name: The backend asked for; what Keras will take when None.

    Raises:
        ImportError: It is not installed; the message says which are.
        ValueError: It is not one of the three.
    """
    name = name or wanted_backend()
    if name not in BACKENDS:
        raise ValueError(f"a backend must be one of {list(BACKENDS)}. Received: {name!r}")
    if name not in sys.modules and importlib.util.find_spec(name) is None:
        here = [other for other in BACKENDS if importlib.util.find_spec(other) is not None]
        raise ImportError(
            f"the backend must be installed. Received: {name!r}, which is not; installed: "
            f"{here or 'none'}. Run pip install 'keras-ae[{name}]', or set KERAS_BACKEND."
        )
    return name
