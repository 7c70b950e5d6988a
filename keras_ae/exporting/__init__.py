"""Exports: a trained model as a file that others run, checked against the model after writing."""

from __future__ import annotations

import os
import re
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


def check_target(root: str | os.PathLike[str], name: str) -> None:
    """Refuse an export that could not be written, before there is a model to write.

    Args:
        root: The model repository.
        name: The model's name in it.

    Raises:
        ImportError: TensorFlow is not installed.
        OSError: The repository cannot be written.
        ValueError: The name cannot be a folder's.
    """
    saved_model.check_installed()
    base = next_version(root, name).absolute()
    there = next(path for path in base.parents if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise OSError(f"a model repository must be a folder that can be written. Received: {there}")


def next_version(root: str | os.PathLike[str], name: str) -> Path:
    """Return root/name/N, N the next integer: TensorFlow Serving's layout of a model repository.

    Raises:
        ValueError: The name has other characters than letters, digits, `_`, `-` and inner dots.
    """
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)*", name):
        raise ValueError(
            f"a model's name must have letters, digits, '_', '-' and dots between them only. "
            f"Received: {name!r}"
        )
    base = Path(root) / name
    taken = [int(p.name) for p in base.glob("*") if p.name.isdigit()] if base.is_dir() else []
    return base / str(max(taken, default=0) + 1)


__all__ = ["FORMATS", "ExportReport", "check_target", "export", "next_version"]
