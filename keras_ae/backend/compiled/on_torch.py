"""Training steps traced once and replayed, on PyTorch.

Most of an eager step on a small model is Python. Tracing leaves the tensor operations, which move
the weights, the optimizer's state and the metrics in place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_ae.backend.compiled import tracing
from keras_ae.backend.compiled.plan import Plan

# Steps from which on the gain per step outweighs the time that tracing takes.
WORTH_TRACING = 100
# Floating-point operations of a step up to which a second thread costs more than it does.
ONE_THREAD = 1e7


class Steps:
    """Runs training steps of a model by replaying a trace of one.

    It takes the place of the model's train function. A batch of another size is traced anew; a
    model whose trace computes something else than its step is run as it is.

    Args:
        model: A compiled model.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.traces: dict[int, Callable[..., None] | None] = {}
        self.form: Any = None
        self.tensors: list[Any] = []

    def bind(self, plan: Plan) -> None:
        """Put the data of a training on the device."""
        import torch
        from keras.src.backend.torch.core import get_device

        self.data = keras.tree.map_structure(
            lambda a: torch.as_tensor(a).to(get_device()), plan.batches.arrays
        )
        self.leaves = keras.tree.flatten(self.data)
        self.threads = 1 if plan.flops < ONE_THREAD else torch.get_num_threads()
        # A trace holds tensors: those of weights that loading has replaced are not the model's.
        tensors = [v.value for v in (*tracing.variables(self.model), *self.model.trainable_weights)]
        form = keras.tree.map_structure(lambda a: (a.dtype, a.shape[1:]), self.data)
        if form != self.form or [*map(id, tensors)] != [*map(id, self.tensors)]:
            self.traces = {}
        self.form, self.tensors = form, tensors

    def release(self) -> None:
        """Let go of the data."""
        self.data, self.leaves = None, []

    def __call__(self, batches: list[np.ndarray | None]) -> Any:
        """Return the logs after a step on each of these rows."""
        with _threads(self.threads):
            for numbers in batches:
                if numbers is not None:
                    self._step(numbers)
        return self.model.get_metrics_result()

    def _step(self, numbers: np.ndarray) -> None:
        import torch

        rows = torch.from_numpy(numbers).to(self.leaves[0].device)
        if len(rows) not in self.traces:
            self.traces[len(rows)] = tracing.trace(self.model, self.data, rows)
        replay = self.traces[len(rows)]
        if replay is None:
            self.model.train_step(tracing.gather(self.data, rows))
        else:
            replay(*self.leaves, rows)


@contextlib.contextmanager
def _threads(number: int) -> Iterator[None]:
    """Compute on this many threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
