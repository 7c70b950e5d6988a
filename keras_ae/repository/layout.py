"""Names and versions: the folders NAME/VERSION of a model repository."""

from __future__ import annotations

import os
import re
from pathlib import Path


def check_name(name: str) -> None:
    """Refuse a name that cannot be a folder's and a part of an address.

    Raises:
        ValueError: It has other characters than letters, digits, `_`, `-` and inner dots.
    """
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)*", name):
        raise ValueError(
            f"a model's name must have letters, digits, '_', '-' and dots between them only. "
            f"Received: {name!r}"
        )


def versions(base: Path) -> list[int]:
    """Return the versions of a model, rising: the folders that are named by whole numbers."""
    if not base.is_dir():
        return []
    return sorted(int(p.name) for p in base.iterdir() if is_version(p) and p.is_dir())


def is_version(path: Path) -> bool:
    """Return whether a server would take a folder of this name for a version."""
    return re.fullmatch(r"0|[1-9][0-9]{0,17}", path.name) is not None


def next_version(root: str | os.PathLike[str], name: str) -> Path:
    """Return root/name/N, N one above the largest version.

    Raises:
        ValueError: The name cannot be a folder's.
    """
    check_name(name)
    base = Path(root) / name
    following = base / str(max(versions(base), default=0) + 1)
    check_version(following)
    return following


def check_version(path: Path) -> None:
    """Refuse a folder that a server would not take for a version.

    Raises:
        ValueError: As said.
    """
    if not is_version(path):
        raise ValueError(
            f"a version must be a whole number of at most 18 digits. Received: {path.name!r}"
        )


def check_label(label: str) -> None:
    """Refuse a label that cannot be a part of an address.

    Raises:
        ValueError: As said.
    """
    if not re.fullmatch(r"[A-Za-z][\w-]*", label):
        raise ValueError(
            "a label must begin with a letter and have letters, digits, '_' and '-' only. "
            f"Received: {label!r}"
        )
