"""The masked autoregressive flow."""

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

MAX_LOG_SCALE = 5.0


@keras.saving.register_keras_serializable("keras_ae.flows")
class MaskedAutoregressive(Flow):
    """Predicts each coordinate from those before: x_i = mu_i(x_<i) + exp(alpha_i(x_<i)) u_i.

    `invert`, from x to u, is one pass of the network, so that densities are cheap; `transform`,
    from u to x, takes one pass for each coordinate. alpha is softly bounded to +-5, which the
    paper does not.

    Args:
        hidden: Widths of the network's hidden layers.
        activation: Their activation.

    Reference:
        Papamakarios et al. (2017), https://arxiv.org/abs/1705.07057, section 3.1.

    Example:
        >>> import numpy as np
        >>> z_next, log_det = MaskedAutoregressive((8,))(np.ones((4, 2), "float32"))
        >>> z_next.shape == (4, 2), log_det.shape == (4,)
        (True, True)
    """

    is_ordered = True

    def __init__(self, hidden: Sequence[int] = (128, 128), activation: Any = "relu") -> None:
        super().__init__()
        check_activation(activation)
        self.hidden, self.activation = checked_sizes("hidden", hidden), activation

    def _make_weights(self, dim: int, context_dim: int | None) -> None:
        self.network = MADE(dim, 2, self.hidden, activation=self.activation)
        self.network.build((None, dim), None if context_dim is None else (None, context_dim))

    def _transform(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        def step(x: Tensor) -> Tensor:
            mu, alpha = self._of(x, context)
            return mu + ops.exp(alpha) * z

        x = in_order(step, z)
        return x, ops.sum(self._of(x, context)[1], axis=-1)

    def _invert(self, z_next: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        mu, alpha = self._of(z_next, context)
        return (z_next - mu) * ops.exp(-alpha), -ops.sum(alpha, axis=-1)

    def _of(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return mu and alpha, each `(batch, dim)`."""
        raw = self.network(x, context)
        return raw[:, 0], bounded(raw[:, 1], MAX_LOG_SCALE)
