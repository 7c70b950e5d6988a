"""Folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

STAGING = ".staging-"
"""How the names of folders begin that are being written; no server takes them for a version."""

YOUNG = 60.0
"""Seconds in which a folder may not be locked yet."""


@contextlib.contextmanager
def staging_for(target: Path) -> Iterator[Path]:
    """Give an empty folder on the target's disk, which is removed with what is left in it.

    What killed processes left beside the target is removed as well.

    Raises:
        OSError: It cannot be made.
        ValueError: The target exists.
    """
    check_new(target)
    there = next(path for path in target.absolute().parents if path.exists())
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target.parent)
        folder = Path(tempfile.mkdtemp(prefix=STAGING, dir=target.parent))
    except OSError as error:
        raise OSError(
            f"an export needs a folder that can be written. Received: {target.parent} "
            f"({error.strerror})"
        ) from error
    try:
        with locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _remove_empty(target.absolute().parent, there)


def check_new(target: Path) -> None:
    """Refuse to write over something.

    Raises:
        ValueError: As said.
    """
    if target.exists() or target.is_symlink():
        raise ValueError(
            f"an export must go to a new folder. Received: {target}, which exists. "
            "A version is never overwritten; take the next number."
        )


def publish(folder: Path, target: Path) -> None:
    """Put a finished folder into its place, at once and on the disk.

    Raises:
        ValueError: Something has taken the place.
    """
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    check_new(target)
    try:
        os.rename(folder, target)
    except OSError as error:
        check_new(target)
        raise OSError(f"an export must reach {target}. Received: {error.strerror}") from error


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes of ours out of a folder's own files."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(parent: Path) -> None:
    """Remove staging folders that no process holds: their lock ends with it, however it ended."""
    for left in parent.glob(f"{STAGING}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime < YOUNG:
                continue
            descriptor = os.open(left, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)


def _remove_empty(folder: Path, kept: Path) -> None:
    """Remove folders that hold nothing after all, up to one that was there before."""
    with contextlib.suppress(OSError):
        while folder != kept:
            folder.rmdir()
            folder = folder.parent
