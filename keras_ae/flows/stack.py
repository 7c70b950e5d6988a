"""Flows one after another."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from keras_ae.flows.flow import Flow
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.flows")
class Stack(Flow):
    """Applies flows one after another; their log-determinants add up.

    Args:
        flows: The flows, the first to be applied first.

    Example:
        >>> import numpy as np
        >>> from keras_ae.flows import Planar, Reverse
        >>> z_next, log_det = Stack([Planar(), Reverse()])(np.ones((4, 2), "float32"))
        >>> z_next.shape == (4, 2), log_det.shape == (4,)
        (True, True)
    """

    def __init__(self, flows: Sequence[Flow]) -> None:
        super().__init__()
        if not all(isinstance(flow, Flow) for flow in flows):
            raise TypeError(f"`flows` must be a list of flows. Received: flows={flows!r}")
        self.flows = list(flows)
        self.cheap_inverse = all(flow.cheap_inverse for flow in self.flows)
        self.is_ordered = any(flow.is_ordered for flow in self.flows)

    def _make_weights(self, dim: int, context_dim: int | None) -> None:
        context_shape = None if context_dim is None else (None, context_dim)
        for i, flow in enumerate(self.flows):
            # On torch, weights of one path would be one.
            with keras.name_scope(f"step_{i}"):
                flow.build((None, dim), context_shape)

    def _transform(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        total = ops.zeros_like(z[:, 0])
        for flow in self.flows:
            z, log_det = flow.transform(z, context)
            total = total + log_det
        return z, total

    def _invert(self, z_next: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        total = ops.zeros_like(z_next[:, 0])
        for flow in reversed(self.flows):
            z_next, log_det = flow.invert(z_next, context)
            total = total + log_det
        return z_next, total
