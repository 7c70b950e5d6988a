"""The planar flow."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.flows.flow import Flow
from keras_ae.flows.parameter import Parameter
from keras_ae.flows.scalars import log_tanh_slope, positive, solve_tanh
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.flows")
class Planar(Flow):
    """Bends space along one direction: z + u_hat tanh(w . z + b).

    u_hat is u, moved along w so that w . u_hat = m(w . u) > -1, which keeps the map invertible. The
    paper's m is log(1 + e^x) - 1; ours is shifted, log(1 + (e - 1) e^x) - 1, so that m(0) = 0: the
    flow of a small u is near the identity, also where w is small. The inverse solves one scalar
    equation for each example.

    Reference:
        Rezende and Mohamed (2015), https://arxiv.org/abs/1505.05770, equation 10 and appendix A.1.

    Example:
        >>> import numpy as np
        >>> z_next, log_det = Planar()(np.ones((4, 2), "float32"))
        >>> z_next.shape == (4, 2), log_det.shape == (4,)
        (True, True)
    """

    cheap_inverse = False

    def __init__(self) -> None:
        super().__init__()

    def _make_weights(self, dim: int, context_dim: int | None) -> None:
        # Of length about 1: the tanh of a standard normal z is then neither flat nor straight.
        normal = keras.initializers.RandomNormal(stddev=dim**-0.5)
        small = keras.initializers.RandomNormal(stddev=0.1 * dim**-0.5)
        self.w = Parameter((dim,), normal, name="w")
        self.u = Parameter((dim,), small, name="u")
        self.b = Parameter((1,), "zeros", name="b")
        for parameter in (self.w, self.u, self.b):
            parameter.build(None if context_dim is None else (None, context_dim))

    def _transform(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        w, b, u_hat, k, one_plus_k = self._of(context)
        a = _dot(w, z) + b
        log_det = log_tanh_slope(a, k, one_plus_k)
        return z + u_hat * ops.tanh(a), log_det[:, 0]

    def _invert(self, z_next: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        w, b, u_hat, k, one_plus_k = self._of(context)
        # The product of the map with w: w . z_next + b = a + (w . u_hat) tanh(a).
        a = solve_tanh(_dot(w, z_next) + b, k, one_plus_k)
        log_det = log_tanh_slope(a, k, one_plus_k)
        return z_next - u_hat * ops.tanh(a), -log_det[:, 0]

    def _of(self, context: Tensor | None) -> tuple[Tensor, ...]:
        """Return w, b, u_hat, k = w . u_hat and 1 + k, each `(1 or batch, dim or 1)`."""
        w, u, b = self.w.of(context), self.u.of(context), self.b.of(context)
        product = _dot(w, u)
        one_plus_k = positive(product)
        k = one_plus_k - 1.0
        u_hat = u + (k - product) * w / ops.maximum(_dot(w, w), 1e-12)
        return w, b, u_hat, k, one_plus_k


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return ops.sum(a * b, axis=-1, keepdims=True)
