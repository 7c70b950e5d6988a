"""Downloads into Keras's cache, kept only if their content is the known one."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import sys
import tarfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from urllib.request import urlopen

FAILURES = (OSError, EOFError, HTTPException, tarfile.TarError, zlib.error)
TIMEOUT_SECONDS = 30


def idx_files(base: str, checksums: Mapping[str, str], folder: Path) -> None:
    """Fetch gzipped files; all are put into the folder together, or none.

    Args:
        base: URL before the files' names.
        checksums: md5 of each file's unzipped bytes, by its name. Mirrors zip on their own.
        folder: Where to; made if it is not there.

    Raises:
        OSError: No connection, the folder cannot be written, or a checksum differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
        for name, expected in checksums.items():
            _retrieve(base + name, Path(partial) / name)
            with gzip.open(Path(partial) / name) as content:
                _compare(name, content, hashlib.md5, expected)
        _put(Path(partial), checksums, folder)


def archive_members(url: str, sha256: str, members: Sequence[str], folder: Path) -> None:
    """Fetch a .tar.gz and put some of its files into the folder: all of them, or none.

    Args:
        url: Where from.
        sha256: Checksum of the archive.
        members: Paths in the archive; only their last part is kept.
        folder: Where to; made if it is not there.

    Raises:
        OSError: No connection, the folder cannot be written, or the checksum differs.
        KeyError: The archive lacks a member.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
        archive = Path(partial) / "archive.tar.gz"
        _retrieve(url, archive)
        with archive.open("rb") as content:
            _compare(url, content, hashlib.sha256, sha256)
        with tarfile.open(archive) as opened:
            for member in members:
                source = opened.extractfile(member)
                if source is None:
                    raise OSError(f"{member} of {url} is not a file")
                with source, (Path(partial) / Path(member).name).open("wb") as target:
                    shutil.copyfileobj(source, target)
        _put(Path(partial), [Path(member).name for member in members], folder)


def _retrieve(url: str, target: Path) -> None:
    print(f"downloading {url}", file=sys.stderr)
    with urlopen(url, timeout=TIMEOUT_SECONDS) as answer, target.open("wb") as file:
        shutil.copyfileobj(answer, file)


def _compare(name: str, content: IO[bytes] | Any, kind: Callable[..., Any], expected: str) -> None:
    digest = kind(usedforsecurity=False)
    while block := content.read(1 << 20):
        digest.update(block)
    if digest.hexdigest() != expected:
        raise OSError(f"{name} has the checksum {digest.hexdigest()}, not {expected}")


def _put(partial: Path, names: Mapping[str, str] | Sequence[str], folder: Path) -> None:
    for name in names:
        (partial / name).replace(folder / name)
