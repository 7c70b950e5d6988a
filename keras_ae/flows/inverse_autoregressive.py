"""The inverse autoregressive flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.flows.flow import Flow
from keras_ae.flows.made import MADE, in_order
from keras_ae.flows.scalars import bounded
from keras_ae.parts import check_activation, checked_sizes
from keras_ae.typing import Tensor

OPEN = 1.5
"""What the gate's argument begins at: most of z passes at first."""

MAX_GATE = 5.0


@keras.saving.register_keras_serializable("keras_ae.flows")
class InverseAutoregressive(Flow):
    """Gates each coordinate by those before it: s z + (1 - s) m, with s_i and m_i of z_<i.

    s is the sigmoid of the network's output plus 1.5; the output is softly bounded to +-5, which
    the paper does not. `transform` is one pass of the network, so that drawing is cheap; `invert`
    takes one pass for each coordinate.

    Args:
        hidden: Widths of the network's hidden layers.
        activation: Their activation.

    Reference:
        Kingma et al. (2016), https://arxiv.org/abs/1606.04934, section 4 and algorithm 1.

    Example:
        >>> import numpy as np
        >>> z_next, log_det = InverseAutoregressive((8,))(np.ones((4, 2), "float32"))
        >>> z_next.shape == (4, 2), log_det.shape == (4,)
        (True, True)
    """

    cheap_inverse = False
    is_ordered = True

    def __init__(self, hidden: Sequence[int] = (128, 128), activation: Any = "relu") -> None:
        super().__init__()
        check_activation(activation)
        self.hidden, self.activation = checked_sizes("hidden", hidden), activation

    def _make_weights(self, dim: int, context_dim: int | None) -> None:
        self.network = MADE(dim, 2, self.hidden, activation=self.activation)
        self.network.build((None, dim), None if context_dim is None else (None, context_dim))

    def _transform(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        m, gate = self._of(z, context)
        return z + ops.sigmoid(-gate) * (m - z), _log_det(gate)

    def _invert(self, z_next: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        def step(z: Tensor) -> Tensor:
            m, gate = self._of(z, context)
            return z_next + ops.exp(-gate) * (z_next - m)  # (z_next - (1 - s) m) / s

        z = in_order(step, z_next)
        return z, -_log_det(self._of(z, context)[1])

    def _of(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return m and the argument of the sigmoid, each `(batch, dim)`."""
        raw = self.network(z, context)
        return raw[:, 0], OPEN + bounded(raw[:, 1], MAX_GATE)


def _log_det(gate: Tensor) -> Tensor:
    return -ops.sum(ops.softplus(-gate), axis=-1)
