from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_ae.datasets import cifar, downloads, load, named
from tests.datasets.sets import IDX, idx_bytes, images

PARTS = dict(zip(IDX, (images(5, 4, 3), np.arange(5), images(2, 4, 3), np.arange(2)), strict=True))
REMOTE = {name: idx_bytes(part) for name, part in PARTS.items()}
MD5 = {
    name: hashlib.md5(gzip.decompress(content), usedforsecurity=False).hexdigest()
    for name, content in REMOTE.items()
}


def serve(monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]) -> list[str]:
    """Answer requests from these files, by the last part of their URL; return what was asked."""
    asked: list[str] = []

    def urlopen(url: str, **_: Any) -> io.BytesIO:
        asked.append(url)
        return io.BytesIO(files[url.rsplit("/", 1)[-1]])

    monkeypatch.setattr(downloads, "urlopen", urlopen)
    return asked


def know(monkeypatch: pytest.MonkeyPatch, name: str, md5: dict[str, str]) -> None:
    def download(folder: Path) -> None:
        downloads.idx_files("https://example.org/", md5, folder)

    monkeypatch.setitem(named.SETS, name, named.SETS[name]._replace(download=download))


@pytest.mark.parametrize(
    ("name", "folder"), [("mnist", "mnist"), ("fashion_mnist", "fashion-mnist")]
)
def test_a_download_is_kept_and_not_repeated(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch, name: str, folder: str
) -> None:
    asked = serve(monkeypatch, REMOTE)
    know(monkeypatch, name, MD5)
    first, second = load(name), load(name)
    np.testing.assert_array_equal(first.x_train, second.x_train)
    np.testing.assert_array_equal(first.y_train, np.arange(5))
    assert len(asked) == 4
    kept = empty_machine / "keras" / "datasets" / folder
    assert sorted(path.name for path in kept.iterdir()) == sorted(IDX)


def test_the_checksum_is_of_the_unzipped_bytes(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {name: gzip.compress(gzip.decompress(c), 1, mtime=9) for name, c in REMOTE.items()}
    assert other != REMOTE
    serve(monkeypatch, other)
    know(monkeypatch, "mnist", MD5)
    assert len(load("mnist").x_train) == 5


@pytest.mark.parametrize(
    "content",
    [idx_bytes(np.arange(9)), REMOTE[IDX[3]][:-4], b"<html>moved</html>"],
    ids=["another file", "truncated", "a web page"],
)
def test_of_a_wrong_or_truncated_download_nothing_is_kept(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    serve(monkeypatch, {**REMOTE, IDX[3]: content})
    know(monkeypatch, "mnist", MD5)
    with pytest.raises(FileNotFoundError, match="the download failed") as e:
        load("mnist")
    assert "\n" not in str(e.value)
    assert not list((empty_machine / "keras" / "datasets" / "mnist").iterdir())


def test_a_lost_connection_is_the_same_one_line_error(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(url: str, **_: Any) -> io.BytesIO:
        raise IncompleteRead(b"half")

    monkeypatch.setattr(downloads, "urlopen", lost)
    with pytest.raises(FileNotFoundError, match="the download failed"):
        load("mnist")


def test_a_cache_that_cannot_be_written_is_the_same_one_line_error(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, REMOTE)
    (empty_machine / "keras").write_text("a file where the folder should be")
    with pytest.raises(FileNotFoundError, match="the download failed"):
        load("mnist")


def _archive() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for i, name in enumerate((*cifar.FILES, "batches.meta.txt")):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            content = bytes([i]) * 3073
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def test_of_an_archive_only_the_images_are_kept(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = _archive()
    serve(monkeypatch, {"cifar-10-binary.tar.gz": content})
    monkeypatch.setattr(cifar, "SHA256", hashlib.sha256(content).hexdigest())
    data = load("cifar10")
    np.testing.assert_array_equal(data.y_train, np.arange(5))
    kept = empty_machine / "keras" / "datasets" / "cifar-10-batches-bin"
    assert sorted(path.name for path in kept.iterdir()) == sorted(cifar.FILES)


def test_an_archive_with_another_checksum_is_not_opened(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, {"cifar-10-binary.tar.gz": _archive()})
    with pytest.raises(FileNotFoundError, match=r"has the checksum [0-9a-f]{64}, not c4a38c50"):
        load("cifar10")
    assert not list((empty_machine / "keras" / "datasets" / "cifar-10-batches-bin").iterdir())
