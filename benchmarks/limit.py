"""What the arithmetic alone would take."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from keras import ops

from keras_ae.backend import compiled

# Adam reads a weight, its gradient and two averages, and writes three of them.
ADAM_BYTES = 7 * 4


def matmul_rate() -> float:
    """Return the floating-point operations per second of a large product in this framework."""
    size = 1024
    a = ops.convert_to_tensor(np.random.default_rng(0).random((size, size), dtype="float32"))
    seconds = _best(lambda: ops.convert_to_numpy(ops.matmul(a, a)[:1]))
    return 2.0 * size**3 / seconds


def bandwidth() -> float:
    """Return the bytes per second that memory gives and takes in a copy."""
    a = np.ones(2**26, "float32")
    b = np.empty_like(a)
    return 2.0 * a.nbytes / _best(lambda: np.copyto(b, a))


def step_seconds(model: Any, row: Any, flops_rate: float, byte_rate: float) -> float:
    """Return the least time of a training step: its products, and Adam's and the batch's bytes."""
    flops = 6.0 * compiled.multiplications(model) * row.batch_size
    moved = model.count_params() * ADAM_BYTES + row.batch_size * int(np.prod(row.shape)) * 4
    return flops / flops_rate + moved / byte_rate


def _best(function: Any, runs: int = 10) -> float:
    function()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
