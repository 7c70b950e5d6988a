"""Times keras_ae on a peer's row: `python -m benchmarks.ours table|mlp_vae EPOCHS`.

Prints one line of JSON: seconds of an epoch, and of what comes once (compiling, mostly).
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from benchmarks.peers import SCORED, images
from benchmarks.rows import ROWS


def times(name: str, epochs: int) -> dict[str, float]:
    """Return the times of a row on this framework."""
    row = ROWS[name]
    x = images().reshape(-1, 784) if name == "mlp_vae" else row.data()

    def fitted(count: int) -> tuple[Any, float]:
        start = time.perf_counter()
        model = row.model()
        model.fit(x, batch_size=row.batch_size, epochs=count, verbose=0)
        return model, time.perf_counter() - start

    _, one = fitted(1)
    model, several = fitted(1 + epochs)
    start = time.perf_counter()
    model.fit(x, batch_size=row.batch_size, epochs=epochs, verbose=0)
    steady = (time.perf_counter() - start) / epochs
    figures = {"epoch": steady, "once": max(0.0, several - (1 + epochs) * steady), "first": one}
    if name == "table":
        many = np.random.default_rng(1).random((SCORED, *row.shape), dtype="float32")
        start = time.perf_counter()
        model.score(many)
        figures["score"] = time.perf_counter() - start
    return figures


if __name__ == "__main__":
    sys.stdout.write(json.dumps(times(sys.argv[1], int(sys.argv[2]))) + "\n")
