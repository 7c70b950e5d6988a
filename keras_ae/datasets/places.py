"""Where data sets with a name are looked for."""

from __future__ import annotations

import os
from pathlib import Path

DEBIAN = Path("/usr/share/datasets")


def data_folder(name: str) -> list[Path]:
    """Return the folder of a set in `$KERAS_AE_DATA`, or nothing where that is not set."""
    folder = os.environ.get("KERAS_AE_DATA")
    return [Path(folder).expanduser() / name] if folder else []


def cache() -> Path:
    """Return Keras's cache of data sets: `$KERAS_HOME/datasets`, else `~/.keras/datasets`."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".keras") / "datasets"
