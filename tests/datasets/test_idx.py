from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from keras_ae.datasets.idx import read_idx
from tests.datasets.sets import idx_bytes, images


@pytest.mark.parametrize("shape", [(7,), (5, 4, 3)])
def test_the_array_comes_back_as_written(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = images(*shape)
    (tmp_path / "a.gz").write_bytes(idx_bytes(array))
    np.testing.assert_array_equal(read_idx(tmp_path / "a.gz"), array)


WHOLE = idx_bytes(images(5, 4, 3))
BROKEN = {
    "truncated gzip": WHOLE[:-20],
    "no gzip": b"hello, I am text",
    "empty": b"",
    "empty inside": gzip.compress(b""),
    "damaged": WHOLE[:15] + b"\xff\xff\xff\xff" + WHOLE[19:],
    "floats": gzip.compress(b"\0\0\x0d\x01" + bytes(12)),
    "rank 0": gzip.compress(b"\0\0\x08\0"),
    "short header": gzip.compress(b"\0\0\x08\x03\0\0"),
    "short content": gzip.compress(gzip.decompress(WHOLE)[:-1]),
    "long content": gzip.compress(gzip.decompress(WHOLE) + b"\0"),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_one_line_that_names_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"^a\.gz must be a whole gzipped idx file.*Received: /"
    ) as e:
        read_idx(tmp_path / "a.gz")
    assert "\n" not in str(e.value)
