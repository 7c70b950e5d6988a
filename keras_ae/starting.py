"""What a model takes from its training data before it is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from keras_ae import inputs as data

START_ROWS = 10_000


def start(model: Any, x: Any, steps: int | None = None) -> None:
    """Adapt what starts from data (scaling, a codebook, a prior) on the training data, once.

    Args:
        model: A compiled model.
        x: Checked inputs.
        steps: Batches of an epoch of a stream, which may have no end.
    """
    if model.normalizer.needs_data:
        model.normalizer.adapt(data.batches_of(x, batches=steps))
    is_fresh = int(ops.convert_to_numpy(model.step)) == 0
    readable = not hasattr(x, "__next__")
    if is_fresh and readable:
        _start_parts(model, lambda: _first_rows(x, steps))


def _start_parts(model: Any, first_rows: Callable[[], np.ndarray]) -> None:
    if hasattr(model.bottleneck, "project"):
        model.bottleneck.adapt(model.views.run("features_tensor", first_rows()))
    if model.prior is not None and model.prior.adapts:
        model.prior.adapt(model, ops.convert_to_numpy(model.normalizer.normalize(first_rows())))


def _first_rows(x: Any, steps: int | None) -> np.ndarray:
    return np.concatenate(list(data.batches_of(x, START_ROWS, steps)))[:START_ROWS]
