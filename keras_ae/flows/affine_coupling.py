"""The affine coupling flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.flows.coupling import Coupling
from keras_ae.flows.scalars import bounded
from keras_ae.typing import Tensor

MAX_LOG_SCALE = 2.0


@keras.saving.register_keras_serializable("keras_ae.flows")
class AffineCoupling(Coupling):
    """Scales and shifts the second half of the coordinates by the first: x exp(s) + t.

    s is softly bounded to +-2.

    Args:
        hidden: Widths of the hidden layers of the network that gives s and t.
        activation: Their activation.

    Reference:
        Dinh et al. (2017), https://arxiv.org/abs/1605.08803, equations 4-8.

    Example:
        >>> import numpy as np
        >>> z_next, log_det = AffineCoupling((8,))(np.ones((4, 2), "float32"))
        >>> z_next.shape == (4, 2), log_det.shape == (4,)
        (True, True)
    """

    def __init__(self, hidden: Sequence[int] = (128, 128), activation: Any = "relu") -> None:
        super().__init__(2, hidden, activation)

    def move(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return x exp(s) + t, and s."""
        s = bounded(raw[..., 0], MAX_LOG_SCALE)
        return x * ops.exp(s) + raw[..., 1], s

    def move_back(self, y: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return (y - t) exp(-s), and s."""
        s = bounded(raw[..., 0], MAX_LOG_SCALE)
        return (y - raw[..., 1]) * ops.exp(-s), s
