"""What is known of a training before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np


@dataclass(frozen=True)
class Plan:
    """The data of a training, and how large its steps are.

    Args:
        batches: The data's `ArrayBatches` or `Stream`, of which `batch_size` is read.
        data: The arrays that stay on the device, or None where blocks of them come and go.
        per_call: Steps of a block.
        steps: Steps of the whole training.
        flops: About the floating-point operations of a step.
    """

    batches: Any
    data: Any
    per_call: int
    steps: int
    flops: float


def multiplications(model: Any) -> int:
    """Return about how many multiplications a forward pass of one row needs."""
    total = 0
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.RNN):
            weights = sum(int(np.prod(w.shape)) for w in layer.weights if len(w.shape) == 2)
            # What is inside of another layer was never called on a tensor with a shape.
            shape = getattr(getattr(layer, "input", None), "shape", (None, None))
            total += weights * (shape[1] or model.event_shape[0])
        elif getattr(layer, "kernel", None) is not None:
            # A transposed convolution's inputs meet each tap once, a convolution's outputs do.
            side = "input" if "Transpose" in type(layer).__name__ else "output"
            shape = getattr(getattr(layer, side, None), "shape", ())
            total += int(np.prod(layer.kernel.shape)) * int(np.prod([n or 1 for n in shape[1:-1]]))
    return total


def convolves(model: Any) -> bool:
    """Return whether a model has a convolution."""
    return any(len(w.shape) > 2 and w.name.endswith("kernel") for w in model.weights)
