"""Exports: a trained model as a file that others run, checked against the model after writing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_ae.exporting import saved_model
from keras_ae.exporting.parity import ExportReport
from keras_ae.naming import nearest

FORMATS = {"saved_model": saved_model.export}


def export(
    model: Any,
    path: str | os.PathLike[str],
    format: str = "saved_model",
    *,
    modules: Sequence[str] = (),
) -> ExportReport:
    """Write a model for serving and compare what was written with the model.

    Args:
        model: A `LatentModel`, of any backend.
        path: The folder to make, `saved_models/NAME/1` say; it must not exist.
        format: "saved_model".
        modules: Modules to import before loading, that register the model's own custom layers.

    Raises:
        ValueError: The format is unknown, the folder exists, or the copy differs from the model.
        ImportError: A package that the format needs is not installed.
        OSError: The folder cannot be written.
    """
    if format not in FORMATS:
        raise ValueError(
            f"`format` must be one of {sorted(FORMATS)}. Received: format={format!r}. "
            f"{nearest(format, FORMATS)}"
        )
    return FORMATS[format](model, Path(path), modules)


def next_version(root: str | os.PathLike[str], name: str) -> Path:
    """Return root/name/N, N the next integer: TensorFlow Serving's layout of a model repository."""
    base = Path(root) / name
    taken = [int(p.name) for p in base.glob("*") if p.name.isdigit()] if base.is_dir() else []
    return base / str(max(taken, default=0) + 1)


__all__ = ["FORMATS", "ExportReport", "export", "next_version"]
