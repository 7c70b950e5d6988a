"""The idx format of MNIST and the sets made after it."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from keras_ae.datasets.unreadable import unreadable

UNSIGNED_BYTES = b"\x00\x00\x08"


def read_idx(path: Path) -> np.ndarray:
    """Return the array of a gzipped idx file of bytes, uint8.

    Raises:
        ValueError: The file is truncated or of another format.
    """
    kind = "a whole gzipped idx file of bytes"
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, kind, error) from error
    rank = content[3] if len(content) > 3 else 0
    start = 4 + 4 * rank
    if not content.startswith(UNSIGNED_BYTES) or rank == 0 or len(content) < start:
        raise unreadable(path, kind, f"it starts with {content[:4]!r}")
    shape = tuple(np.frombuffer(content, ">u4", rank, offset=4).tolist())
    if len(content) - start != math.prod(shape):
        raise unreadable(path, kind, f"{len(content) - start} bytes cannot be of shape {shape}")
    return np.frombuffer(content, "uint8", offset=start).reshape(shape)
