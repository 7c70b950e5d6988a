"""What a model takes from its training data before it is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from keras_ae import inputs as data

START_ROWS = 10_000


def start(model: Any, x: Any, steps: int | None = None, y: Any = None, held: float = 0.0) -> None:
    """Adapt what starts from data (scaling, a codebook, a prior) on the training data, once.

    Args:
        model: A compiled model.
        x: Checked inputs.
        steps: Batches of an epoch of a stream, which may have no end.
        y: The target, or None for the input itself.
        held: Share of the rows that are kept for validation.

    Raises:
        ValueError: A scaling leads between the numbers that the likelihood knows, or what is not
            scaled is outside of them.
    """
    if model.normalizer.needs_data:
        model.normalizer.adapt(data.batches_of(x, batches=steps))
    is_fresh = int(ops.convert_to_numpy(model.step)) == 0
    readable = not hasattr(x, "__next__")
    is_scaled = model.normalizer.kind != "none"
    exact = model.likelihood.has_gaps() or not model.normalizer.scaled.all()
    if readable and is_scaled and exact:
        _check_scaled(model, x if data.is_in_memory(x) else _first_rows(x, steps), y)
    if is_fresh and readable:
        _start_parts(model, lambda: _first_rows(x, steps))
    rows = data.rows_of(x)
    for term in model.objective:
        term.adapt(rows if rows is None else max(1, int(rows * (1.0 - held))))
    if is_fresh:
        model.begin(x)


def _start_parts(model: Any, first_rows: Callable[[], Any]) -> None:
    if hasattr(model.bottleneck, "project"):
        model.bottleneck.adapt(model.views.run("features_tensor", first_rows()))
    if model.bottleneck.adapts:
        model.bottleneck.adapt(_normalized(model, first_rows()))
    if model.prior is not None and model.prior.adapts:
        model.prior.adapt(model, _normalized(model, first_rows()))


def _normalized(model: Any, rows: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(model.normalizer.normalize(data.read(rows)[0])))


def _check_scaled(model: Any, x: Any, y: Any) -> None:
    try:
        data.check_support(model, x, y)
    except ValueError as error:
        raise ValueError(
            f"{error} The data are as normalize={model.normalizer.kind!r} gives them: to scale "
            "them otherwise, do it before, and leave `normalize` out."
        ) from error


def _first_rows(x: Any, steps: int | None) -> Any:
    return data.first_rows(x, START_ROWS, steps)
