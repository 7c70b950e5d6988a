"""The Householder flow, and the reflections that it is made of."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.backend.loops import repeat
from keras_ae.flows.flow import Flow
from keras_ae.flows.parameter import Parameter
from keras_ae.parts import checked_size
from keras_ae.typing import Tensor


def reflect(z: Tensor, vectors: Tensor, backwards: bool = False) -> Tensor:
    """Return H_k ... H_1 z, with H_i = I - 2 v_i v_i^T / |v_i|^2; or its inverse H_1 ... H_k z.

    Args:
        z: `(batch, dim)`.
        vectors: v_1 to v_k, `(1 or batch, reflections, dim)`.
        backwards: Whether the last reflection comes first.
    """
    normals = vectors / ops.sqrt(ops.maximum(_square(vectors), 1e-30))
    # 2 / |v|^2 to first order: what is left of the lengths would add up over many reflections.
    doubled = (4.0 - 2.0 * _square(normals)) * normals
    pairs = ops.stack([normals, doubled])
    pairs = ops.flip(pairs, axis=2) if backwards else pairs

    # A loop, as XLA is slow to compile many in one row; a matrix product may round z to ten bits.
    def body(i: Any, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (now,) = state
        pair = pairs[:, :, i]
        return (now - ops.sum(pair[0] * now, axis=-1, keepdims=True) * pair[1],)

    (reflected,) = repeat(vectors.shape[1], body, (z,))
    return reflected


def _square(vectors: Tensor) -> Tensor:
    return ops.sum(ops.square(vectors), axis=-1, keepdims=True)


@keras.saving.register_keras_serializable("keras_ae.flows")
class Householder(Flow):
    """Turns space by a product of Householder reflections, of log-determinant 0.

    The reflections begin in nearly equal pairs, whose product is near the identity.

    Args:
        reflections: Number of reflections; `dim` of them are every orthogonal matrix of one sign.

    Reference:
        Tomczak and Welling (2016), https://arxiv.org/abs/1611.09630, the section on the
        Householder flow.

    Example:
        >>> import numpy as np
        >>> z_next, log_det = Householder()(np.ones((4, 2), "float32"))
        >>> z_next.shape == (4, 2), log_det.shape == (4,)
        (True, True)
    """

    def __init__(self, reflections: int = 4) -> None:
        super().__init__()
        self.reflections = checked_size("reflections", reflections)

    def _make_weights(self, dim: int, context_dim: int | None) -> None:
        shape = (self.reflections, dim)

        def in_pairs(flat: Any, dtype: Any = None) -> Tensor:
            normal = keras.initializers.RandomNormal
            first = normal(stddev=1.0)((-(-self.reflections // 2), dim), dtype)
            second = first + normal(stddev=0.1)(first.shape, dtype)
            pairs = ops.reshape(ops.stack([first, second], axis=1), (-1, dim))
            return ops.reshape(pairs[: self.reflections], flat)

        self.vectors = Parameter(shape, in_pairs, name="vectors")
        self.vectors.build(None if context_dim is None else (None, context_dim))

    def _transform(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        return reflect(z, self.vectors.of(context)), ops.zeros_like(z[:, 0])

    def _invert(self, z_next: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        vectors = self.vectors.of(context)
        return reflect(z_next, vectors, backwards=True), ops.zeros_like(z_next[:, 0])
