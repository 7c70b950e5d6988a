"""Training steps traced once and replayed, on PyTorch.

Most of an eager step on a small model is Python. Tracing leaves the tensor operations, which move
the weights, the optimizer's state and the metrics in place.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import numpy as np

from keras_ae.backend.compiled.blocks import grouped, map_arrays
from keras_ae.backend.compiled.divided_on_torch import threads
from keras_ae.backend.compiled.division import Division
from keras_ae.backend.compiled.plan import Plan
from keras_ae.backend.compiled.traced import tracing
from keras_ae.backend.compiled.traced.single_step import gather, measure, variables

# Steps from which on the gain per step outweighs the time that tracing takes.
WORTH_TRACING = 100
# Floating-point operations of a step up to which a second thread costs more than it does.
ONE_THREAD = 1e7


class Steps:
    """Runs training steps of a model by replaying a trace of one.

    It takes the place of the model's train function. A batch of another form is traced anew; a
    model whose trace computes something else than its step is run as it is.

    Args:
        model: A compiled model.
    """

    batches: Any = None

    def __init__(self, model: Any) -> None:
        self.model = model
        self.seen: Counter[tuple[str, int]] = Counter()
        self.traces: dict[tuple[str, int], tracing.Program | None] = {}
        self.tensors: list[Any] = []

    def bind(self, plan: Plan) -> None:
        """Put the data of a training that stay on the device there."""
        import torch

        self.data = None if plan.data is None else _on_device(plan.data)
        self.batches = plan.batches
        self.threads = 1 if plan.flops < ONE_THREAD else torch.get_num_threads()
        # A trace holds tensors: those of weights that loading has replaced are not the model's.
        tensors = [v.value for v in (*variables(self.model), *self.model.trainable_weights)]
        if [*map(id, tensors)] != [*map(id, self.tensors)]:
            self.traces = {}
        self.tensors = tensors

    def release(self) -> None:
        """Let go of the data."""
        self.data = self.batches = None

    def __call__(self, steps: list[Any]) -> Any:
        """Return the logs after these steps."""
        with threads(self.threads):
            for data, rows in grouped(steps, self.data, self.batches, 1):
                self._run(data if self.data is not None else _on_device(data), rows)
        return self.model.get_metrics_result()

    def _run(self, data: Any, rows: np.ndarray) -> None:
        import torch

        leaves, size = keras.tree.flatten(data), rows.shape[1]
        form = str(map_arrays(lambda a: (a.dtype, a.shape[1:]), data))
        steps = torch.from_numpy(rows).to(leaves[0].device)
        self.seen[form, size] += len(steps)
        if (form, size) not in self.traces and self._is_worth(form, size):
            self.traces[form, size] = self._trace(data, steps[0])
        replay = self.traces.get((form, size))
        if replay is not None:
            replay(leaves, steps)
            return
        for of_step in steps:
            self._one(gather(data, of_step))

    def _trace(self, data: Any, rows: Any) -> tracing.Program | None:
        on_cpu = self.threads > 1 and rows.device.type == "cpu"
        division = Division.of(self.model, len(rows)) if on_cpu else None
        return tracing.trace(self.model, data, rows, division)

    def _one(self, batch: Any) -> None:
        self.model.train_step(batch)

    def _is_worth(self, form: str, size: int) -> bool:
        return True  # or these steps would not have been asked for


class Measurements(Steps):
    """Measures a model by replaying a trace, once enough batches were seen; see `Steps`."""

    def _trace(self, data: Any, rows: Any) -> tracing.Program | None:
        return tracing.trace(self.model, data, rows, run=measure)

    def _one(self, batch: Any) -> None:
        measure(self.model, batch)

    def _is_worth(self, form: str, size: int) -> bool:
        return self.seen[form, size] >= WORTH_TRACING


def _on_device(data: Any) -> Any:
    import torch
    from keras.src.backend.torch.core import get_device

    def tensor(array: Any) -> Any:
        if isinstance(array, np.ndarray) and min(array.strides, default=0) < 0:
            array = array.copy()  # torch has no negative strides
        return torch.as_tensor(array).to(get_device())

    return map_arrays(tensor, data)
