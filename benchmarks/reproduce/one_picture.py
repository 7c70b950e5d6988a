"""Seconds and memory of one picture: `python -m benchmarks.reproduce.one_picture MODEL`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.memory import peak_bytes, resident_bytes

SHAPE = (512, 768, 3)
REPEATS = 3


def main() -> None:
    """Print as JSON what compressing and decompressing a picture takes."""
    import keras

    import keras_ae  # noqa: F401  (registers the classes that the file names)
    from benchmarks.reproduce.rate_distortion import photograph
    from keras_ae.compression import Codec

    codec = Codec(keras.models.load_model(sys.argv[1]))
    x = of_size(photograph("coffee"))
    before = resident_bytes()
    stream, compressing = timed(lambda: codec.compress(x))
    _, decompressing = timed(lambda: codec.decompress(stream))
    most = peak_bytes()
    found = {
        "compress_seconds": compressing,
        "decompress_seconds": decompressing,
        "compress_megabytes": (most - before) / 1e6,
        "process_megabytes": most / 1e6,
    }
    sys.stdout.write(json.dumps(found) + "\n")


def of_size(x: np.ndarray) -> np.ndarray:
    """Return a picture made as large as it is to be, by mirroring it at its ends."""
    ends = [(0, new - old) for new, old in zip(SHAPE, x.shape, strict=True)]
    return np.pad(x, ends, mode="reflect")


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a call gives, and the least of its seconds after the first."""
    found = call()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return found, min(seconds)


if __name__ == "__main__":
    main()
