"""What a model takes from its training data before it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_ae import grouping
from keras_ae import inputs as data

START_ROWS = 10_000
"""From which a prior, a codebook or a check starts."""

MOST_ROWS = 1_000_000
"""On which something else is trained than the model, where a stream has so many."""


@dataclass(frozen=True)
class TrainingRows:
    """The rows that a `fit` trains on, for what a model takes from them beside its steps.

    Args:
        x: Checked inputs, or a stream of batches.
        steps: Batches of an epoch of a stream, which may have no end.
        held: Share of the rows, the last ones, that are kept for validation.
        weight: Of each row of arrays, `(rows,)`, or None.
    """

    x: Any
    steps: int | None = None
    held: float = 0.0
    weight: Any = None

    @property
    def number(self) -> int | None:
        """How many there are; None of a stream that nobody has counted."""
        rows = data.rows_of(self.x)
        return rows if rows is None else max(1, int(rows * (1.0 - self.held)))

    @property
    def are_readable(self) -> bool:
        """Whether they can be read beside the steps; a generator's cannot."""
        return not hasattr(self.x, "__next__")

    @property
    def weights(self) -> np.ndarray | None:
        """Of the rows that `first` returns, `(rows,)`; None where all count alike."""
        if self.weight is None or self.number is None:
            return None
        return np.asarray(self.weight, "float64")[: min(self.number, MOST_ROWS)]

    def first(self, limit: int = MOST_ROWS) -> Any:
        """Return at most so many as an array, or with conditions and mask as a dict.

        Raises:
            ValueError: They are those of a generator.
        """
        number = self.number
        return data.first_rows(self.x, limit if number is None else min(limit, number), self.steps)


def start(model: Any, rows: TrainingRows, y: Any = None) -> None:
    """Adapt what starts from data (scaling, a codebook, a prior, a variant) on the training data.

    Args:
        model: A compiled model.
        rows: The training data.
        y: The target, or None for the input itself.

    Raises:
        ValueError: A scaling leads between the numbers that the likelihood knows, or what is not
            scaled is outside of them.
    """
    x = rows.x
    if model.group_size is not None and rows.are_readable:
        grouping.check_groups(model, data.read(rows.first(1))[0])
    if model.normalizer.needs_data:
        model.normalizer.adapt(data.batches_of(x, batches=rows.steps))
    is_new = int(ops.convert_to_numpy(model.step)) == 0
    is_scaled = model.normalizer.kind != "none"
    exact = model.likelihood.has_gaps() or not model.normalizer.scaled.all()
    if rows.are_readable and is_scaled and exact:
        _check_scaled(model, x if data.is_in_memory(x) else rows.first(START_ROWS), y)
    if is_new and rows.are_readable:
        _start_parts(model, rows)
    for term in model.objective:
        term.adapt(rows.number)
    model.begin(rows, is_new)


def _start_parts(model: Any, rows: TrainingRows) -> None:
    if getattr(model.bottleneck, "starts", False):
        model.bottleneck.adapt(model.views.run("features_tensor", rows.first(START_ROWS)))
    if model.bottleneck.adapts:
        model.bottleneck.adapt(_normalized(model, rows.first(START_ROWS)))
    if model.prior is not None and model.prior.adapts:
        model.prior.adapt(model, _normalized(model, rows.first(START_ROWS)))


def _normalized(model: Any, rows: Any) -> np.ndarray:
    x = ops.convert_to_numpy(model.normalizer.normalize(data.read(rows)[0]))
    return np.asarray(x).reshape(-1, *model.event_shape)  # members, where rows are groups


def _check_scaled(model: Any, x: Any, y: Any) -> None:
    try:
        data.check_support(model, x, y)
    except ValueError as error:
        raise ValueError(
            f"{error} The data are as normalize={model.normalizer.kind!r} gives them: to scale "
            "them otherwise, do it before, and leave `normalize` out."
        ) from error
