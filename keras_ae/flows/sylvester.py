"""The Sylvester flow with Householder reflections."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_ae.backend.loops import repeat
from keras_ae.flows.flow import Flow
from keras_ae.flows.householder import reflect
from keras_ae.flows.parameter import Parameter
from keras_ae.flows.scalars import log_tanh_slope, solve_tanh
from keras_ae.parts import checked_size
from keras_ae.typing import Tensor

MAX_DIAGONAL = 0.9999
"""A bit less than 1, which tanh reaches in float32, so that r_ii r~_ii > -1."""


@keras.saving.register_keras_serializable("keras_ae.flows")
class Sylvester(Flow):
    """Bends space along `rank` orthogonal directions: z + Q R tanh(R~ Q^T z + b).

    Q `(dim, rank)` is the first columns of a product of Householder reflections; R and R~ are upper
    triangular with diagonals in (-1, 1), so that r_ii r~_ii > -1 and the map is invertible. The
    inverse works in the coordinates Q^T z: their equations are triangular, and `rank` sweeps, each
    of which solves all of them side by side, are exact.

    Args:
        rank: Number of directions, at most `dim`; `dim` by default.
        reflections: Number of Householder reflections in Q.

    Reference:
        van den Berg et al. (2018), https://arxiv.org/abs/1803.05649, the sections on the
        parameterisation of A and B and on Householder Sylvester flows, here of any rank.

    Example:
        >>> import numpy as np
        >>> z_next, log_det = Sylvester(rank=1)(np.ones((4, 2), "float32"))
        >>> z_next.shape == (4, 2), log_det.shape == (4,)
        (True, True)
    """

    cheap_inverse = False

    def __init__(self, rank: int | None = None, reflections: int = 8) -> None:
        super().__init__()
        self.rank = None if rank is None else checked_size("rank", rank)
        self.reflections = checked_size("reflections", reflections)

    def _make_weights(self, dim: int, context_dim: int | None) -> None:
        rank = self.rank or dim
        if rank > dim:
            raise ValueError(
                f"`rank` must be at most the number of coordinates, {dim}. Received: rank={rank}"
            )
        normal = keras.initializers.RandomNormal
        self.vectors = Parameter((self.reflections, dim), normal(stddev=1.0), name="vectors")
        # R in the upper triangle, the strict part of R~ transposed in the lower one.
        self.triangles = Parameter((rank, rank), normal(stddev=0.1), name="triangles")
        self.diagonal = Parameter((rank,), normal(stddev=0.1), name="diagonal")
        self.b = Parameter((rank,), "zeros", name="b")
        for parameter in (self.vectors, self.triangles, self.diagonal, self.b):
            parameter.build(None if context_dim is None else (None, context_dim))
        self._strict = np.triu(np.ones((rank, rank), "float32"), 1)
        self._eye = np.eye(rank, dtype="float32")

    def _transform(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        vectors, b = self.vectors.of(context), self.b.of(context)
        outer, inner, r, r_tilde = self._triangular(context)
        y = self._coordinates(z, vectors)
        a = _times(inner, y) + r_tilde * y + b
        bent = ops.tanh(a)
        z_next = z + self._directions(_times(outer, bent) + r * bent, vectors)
        return z_next, _log_det(a, r * r_tilde)

    def _invert(self, z_next: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        vectors, b = self.vectors.of(context), self.b.of(context)
        outer, inner, r, r_tilde = self._triangular(context)
        y_next, k = self._coordinates(z_next, vectors), r * r_tilde

        def sweep(_: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            y, a = state
            # With the later coordinates known, y + r tanh(r~ y + c) = d is an equation for a.
            d = y_next - _times(outer, ops.tanh(a))
            a = solve_tanh(r_tilde * d + _times(inner, y) + b, k, 1.0 + k)
            return d - r * ops.tanh(a), a

        _, a = repeat(self._eye.shape[0], sweep, (y_next, ops.zeros_like(y_next)))
        bent = ops.tanh(a)
        z = z_next - self._directions(_times(outer, bent) + r * bent, vectors)
        return z, -_log_det(a, k)

    def _triangular(self, context: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the strict parts of R and R~ `(.., rank, rank)`, their diagonals `(.., rank)`."""
        triangles, diagonal = self.triangles.of(context), self.diagonal.of(context)
        outer = ops.multiply(triangles, self._strict)
        inner = ops.multiply(ops.swapaxes(triangles, 1, 2), self._strict)
        r = MAX_DIAGONAL * ops.tanh(ops.sum(ops.multiply(triangles, self._eye), axis=-1))
        return outer, inner, r, MAX_DIAGONAL * ops.tanh(diagonal)

    def _coordinates(self, z: Tensor, vectors: Tensor) -> Tensor:
        """Return Q^T z, `(batch, rank)`."""
        return reflect(z, vectors)[:, : self._eye.shape[0]]

    def _directions(self, y: Tensor, vectors: Tensor) -> Tensor:
        """Return Q y, `(batch, dim)`."""
        padded = ops.pad(y, [[0, 0], [0, self.dim - self._eye.shape[0]]])
        return reflect(padded, vectors, backwards=True)


def _times(matrix: Tensor, vectors: Tensor) -> Tensor:
    """Return the products `(batch, rank)` of matrices `(1 or batch, rank, rank)` with vectors."""
    return ops.sum(matrix * ops.expand_dims(vectors, 1), axis=-1)


def _log_det(a: Tensor, k: Tensor) -> Tensor:
    return ops.sum(log_tanh_slope(a, k, 1.0 + k), axis=-1)
