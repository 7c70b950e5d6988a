"""Whether a program takes a model's training steps, on PyTorch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_ae.backend.compiled.traced.single_step import gather, step, variables

TOLERANCE = 1e-3


class Snapshot(NamedTuple):
    """What a training step moves, and what is logged of it."""

    values: list[Any]
    logs: list[np.ndarray]


class State:
    """Everything that a training step moves.

    Args:
        model: A compiled model.
    """

    def __init__(self, model: Any) -> None:
        self.model, self.variables = model, variables(model)

    def now(self) -> Snapshot:
        """Return a copy of it."""
        values = [v.value.detach().clone() for v in self.variables]
        logs = keras.tree.flatten(self.model.get_metrics_result())
        return Snapshot(values, [keras.ops.convert_to_numpy(log).copy() for log in logs])

    def put(self, snapshot: Snapshot) -> None:
        """Let everything be as it was."""
        import torch

        with torch.no_grad():
            for variable, value in zip(self.variables, snapshot.values, strict=True):
                variable.value.copy_(value)


class Check:
    """Two steps of a model on a batch, which a program must take alike.

    Args:
        model: A compiled model.
        data: All rows, as tensors.
        rows: The row numbers of the batch, a tensor.
        run: Takes a step, of training by default.
    """

    def __init__(self, model: Any, data: Any, rows: Any, run: Callable[..., None] = step) -> None:
        self.model, self.data, self.rows, self.run = model, data, rows, run
        self.state = State(model)

    @functools.cached_property
    def _wanted(self) -> list[Snapshot]:
        """What is before, between and after the steps: a second sees what a trace has frozen."""
        batch, found = gather(self.data, self.rows), [self.state.now()]
        for _ in range(2):
            self.run(self.model, batch)
            found.append(self.state.now())
        self.state.put(found[0])
        return found

    def is_met(self, program: Callable[[list[Any], Any], None]) -> bool:
        """Return whether a program takes these steps; the model is where it was afterwards."""
        start, once, twice = self._wanted
        try:
            for before, steps, wanted in ((start, 1, once), (once, 1, twice), (start, 2, twice)):
                self.state.put(before)
                program(keras.tree.flatten(self.data), self.rows.expand(steps, -1).contiguous())
                if not _agree(self.model, before, wanted, self.state.now(), steps):
                    return False
            return True
        finally:
            self.state.put(start)


def _agree(model: Any, before: Snapshot, wanted: Snapshot, found: Snapshot, steps: int) -> bool:
    """Return whether steps moved everything alike, up to a share of what they moved it."""
    # What rounding changes in a step, the next ones multiply.
    tolerance = TOLERANCE * 10 ** (steps - 1)
    # Norms: where a gradient is rounding alone, Adam moves a weight by its sign. Not the metrics'
    # own variables: some of them are rounding alone.
    count = len(wanted.values) - len(model.metrics_variables)
    moved = zip(before.values[:count], wanted.values, found.values, strict=False)
    return all(
        float((b - c).double().norm()) <= tolerance * float((b - a).double().norm())
        for a, b, c in moved
    ) and all(
        np.allclose(a, b, rtol=tolerance) for a, b in zip(found.logs, wanted.logs, strict=True)
    )
