"""The radial flow."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.flows.flow import Flow
from keras_ae.flows.parameter import Parameter
from keras_ae.flows.scalars import log_one_plus, positive
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.flows")
class Radial(Flow):
    """Draws space together around a point, or apart: z + beta (z - z0) / (alpha + r).

    r = |z - z0|, alpha > 0, and beta = s - alpha with s > 0, which keeps the map invertible; s and
    alpha are softplus functions that are 1 at 0. The distance of the image is
    r (1 + beta / (alpha + r)), a quadratic equation for r, so that the inverse has a closed form.

    Reference:
        Rezende and Mohamed (2015), https://arxiv.org/abs/1505.05770, equation 14 and appendix A.2.

    Example:
        >>> import numpy as np
        >>> z_next, log_det = Radial()(np.ones((4, 2), "float32"))
        >>> z_next.shape == (4, 2), log_det.shape == (4,)
        (True, True)
    """

    def __init__(self) -> None:
        super().__init__()

    def _make_weights(self, dim: int, context_dim: int | None) -> None:
        small = keras.initializers.RandomNormal
        self.center = Parameter((dim,), small(stddev=0.1), name="center")
        self.alpha = Parameter((1,), "zeros", name="alpha")
        self.beta = Parameter((1,), small(stddev=0.1), name="beta")
        for parameter in (self.center, self.alpha, self.beta):
            parameter.build(None if context_dim is None else (None, context_dim))

    def _transform(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        center, alpha, s = self._of(context)
        offset = z - center
        r = _norm(offset)
        z_next = z + (s - alpha) / (alpha + r) * offset
        return z_next, self._log_det(r, alpha, s)

    def _invert(self, z_next: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        center, alpha, s = self._of(context)
        offset = z_next - center
        r_next = _norm(offset)
        # r^2 + p r - alpha r_next = 0; of its two forms the root has no difference in one.
        p = s - r_next
        root = ops.sqrt(ops.square(p) + 4.0 * alpha * r_next)
        near = 2.0 * alpha * r_next / (ops.maximum(p, 0.0) + root)
        r = ops.where(p > 0.0, near, 0.5 * (root - p))
        z = z_next - (s - alpha) / (s + r) * offset
        return z, -self._log_det(r, alpha, s)

    def _log_det(self, r: Tensor, alpha: Tensor, s: Tensor) -> Tensor:
        """Return (dim - 1) log(1 + beta h) + log(1 + beta h + beta h' r), h = 1 / (alpha + r)."""
        beta, both = s - alpha, alpha + r
        across = log_one_plus(beta / both, (s + r) / both)
        square = ops.square(both)
        along = log_one_plus(alpha * beta / square, (alpha * s + r * (r + 2.0 * alpha)) / square)
        return ((self.dim - 1) * across + along)[:, 0]

    def _of(self, context: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        alpha, beta = self.alpha.of(context), self.beta.of(context)
        return self.center.of(context), positive(alpha), positive(beta)


def _norm(offset: Tensor) -> Tensor:
    # A norm has no gradient at 0.
    square = ops.sum(ops.square(offset), axis=-1, keepdims=True)
    return ops.sqrt(ops.maximum(square, 1e-30))
