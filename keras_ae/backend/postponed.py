"""Running means that are brought up to date once for many steps.

A running mean costs each step a handful of operations on single numbers, which on a small model is
a share of the whole. A block of steps keeps the numbers and adds their sum.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from keras_ae.typing import Tensor


class Means:
    """What the steps of a block, on batches of one size, would add to a model's running means.

    Args:
        model: A compiled model. What one with phases logs in a step may come in parts: it is not
            postponed.
        rows: Rows of a batch.
        steps: Whether numbers of several steps are added up: which of them are left out is seen of
            each alone, so that where some may be nothing is postponed.
    """

    def __init__(self, model: Any, rows: int, *, steps: bool) -> None:
        self.model = model
        by_step = model.phases or (steps and any(mean.leaves_out for mean in model.means))
        self.means: list[Any] = [] if by_step else model.means
        self.rows = rows
        self.numbers: dict[Any, Any] = {}

    @contextlib.contextmanager
    def postponed(self) -> Iterator[None]:
        """Keep the numbers of a step in `numbers`, by their mean."""
        token = _running.set(self)
        try:
            yield
        finally:
            _running.reset(token)

    def keep(self, mean: Any, number: Tensor) -> None:
        """Take a batch's number."""
        self.numbers[mean] = number

    def of_step(self, nothing: Any) -> list[Any]:
        """Return the numbers of the last step in the means' order, `nothing` for what had none."""
        return [self.numbers.get(mean, nothing) for mean in self.means]

    def add(self, totals: Tensor, steps: Any) -> None:
        """Add the sums of the numbers of so many steps, `(means,)`, to the means that had some."""
        for index, mean in enumerate(self.means):
            if mean in self.numbers:
                mean.add(totals[index] * self.rows, steps * self.rows)


def is_kept(mean: Any, number: Tensor, rows: Any) -> bool:
    """Return whether a batch's number is kept, so that its mean need not be moved now.

    Args:
        mean: A running mean with `add(total, rows)`.
        number: A scalar.
        rows: How many rows it stands for.
    """
    running = _running.get()
    if running is None or mean not in running.means:
        return False
    # TensorFlow's trainer counts the batch's rows in the graph.
    if isinstance(rows, int) and rows != running.rows:
        return False
    running.keep(mean, number)
    return True


_running: ContextVar[Means | None] = ContextVar("running", default=None)
