"""A function of a model on batches of rows, on PyTorch."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import keras

from keras_ae.backend.compiled.rowwise.functions import bound

TOLERANCE = 1e-5
# Batches of one size from which on the gain per batch outweighs the time that tracing takes.
WORTH_TRACING = 64


class Program:
    """Runs the function on one batch after another, by replaying a trace where many come.

    Most of the time of a small batch is Python, of which a trace has none. Weights are inputs of
    the trace. A function that draws noise, and one whose trace computes something else, is run as
    it is.

    Args:
        model: A built model.
        function: Name of one of its functions, or a function (model, batch).
        draws: Whether it draws noise.
        traces: Whether it may be traced, which rounds in another way.
    """

    MULTIPLICATIONS = 2**25
    pads = False

    def __init__(self, model: Any, function: Any, draws: bool, traces: bool = True) -> None:
        self.model, self.function, self.traces_any = model, function, traces and not draws
        self.variables = model.variables
        self.seen: Counter[Any] = Counter()
        self.traces: dict[Any, Any] = {}

    def loops(self, batch_size: int) -> bool:
        """Return that several batches may be given at once, whatever their size."""
        return True

    def __call__(self, rows: Any, batch_size: int, block: int) -> Any:
        """Return the function of all rows."""
        import torch

        leaves = [_tensor(leaf).split(batch_size) for leaf in keras.tree.flatten(rows)]
        values = [v.value for v in self.variables]
        self.model.eval()
        with torch.no_grad():
            found = [self._one(rows, batch, values) for batch in zip(*leaves, strict=True)]
            return keras.tree.map_structure(lambda *parts: torch.cat(parts), *found)

    def _one(self, structure: Any, leaves: Any, values: Any) -> Any:
        replay = self._replay_of(structure, leaves, values) if self.traces_any else None
        if replay is not None:
            return replay(*leaves, *values)
        return self._function(structure, leaves)

    def _function(self, structure: Any, leaves: Any) -> Any:
        batch = keras.tree.pack_sequence_as(structure, leaves)
        return bound(self.model, self.function)(batch)

    def _replay_of(self, structure: Any, leaves: Any, values: Any) -> Any:
        key = tuple((leaf.dtype, leaf.shape) for leaf in leaves)
        if key not in self.traces:
            self.seen[key] += 1
            if self.seen[key] < WORTH_TRACING:
                return None
            self.traces[key] = self._trace(structure, leaves, values)
        return self.traces[key]

    def _trace(self, structure: Any, leaves: Any, values: Any) -> Any:
        """Return a replay of the function on batches of this shape, None if it differs."""
        import torch
        from torch.fx.experimental.proxy_tensor import make_fx

        def function(*tensors: Any) -> Any:
            weights = zip(self.variables, tensors[len(leaves) :], strict=True)
            with keras.StatelessScope(state_mapping=list(weights)):
                return self._function(structure, tensors[: len(leaves)])

        try:
            with warnings.catch_warnings():
                # The replay by TorchScript is twice as fast as by FX; torch 2.13 deprecates it.
                warnings.simplefilter("ignore")
                graph = make_fx(function, tracing_mode="real")(*leaves, *values)
                replay = torch.jit.trace(graph, (*leaves, *values), check_trace=False)
            found, wanted = replay(*leaves, *values), self._function(structure, leaves)
        except Exception:  # Whatever the reason, the function itself still runs.
            return None
        pairs = zip(keras.tree.flatten(found), keras.tree.flatten(wanted), strict=True)
        near = {"rtol": TOLERANCE, "atol": TOLERANCE, "equal_nan": True}
        return replay if all(torch.allclose(a, b, **near) for a, b in pairs) else None


def _tensor(array: Any) -> Any:
    import torch
    from keras.src.backend.torch.core import get_device

    # torch warns of arrays that nobody may write to.
    array = array if array.flags.writeable else array.copy()
    return torch.from_numpy(array).to(get_device())
