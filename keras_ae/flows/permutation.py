"""Permutations of the coordinates."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.flows.flow import Flow
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.flows")
class Reverse(Flow):
    """Reverses the order of the coordinates, with log-determinant 0.

    Reference:
        Papamakarios et al. (2017), https://arxiv.org/abs/1705.07057, section 3.1; Dinh et al.
        (2017), https://arxiv.org/abs/1605.08803, section 3.5.

    Example:
        >>> import numpy as np
        >>> z_next, _ = Reverse()(np.array([[1.0, 2.0, 3.0]], "float32"))
        >>> np.asarray(z_next).tolist()
        [[3.0, 2.0, 1.0]]
    """

    def __init__(self) -> None:
        super().__init__()

    def _make_weights(self, dim: int, context_dim: int | None) -> None:
        pass

    def _transform(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        return ops.flip(z, axis=-1), ops.zeros_like(z[:, 0])

    def _invert(self, z_next: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        return self._transform(z_next, context)
