"""A Riemannian metric that is small around some centres and large away from them."""

from __future__ import annotations

import functools
import math

import numpy as np
from keras import ops

from keras_ae.typing import Tensor

LOG_TWO_PI = math.log(2.0 * math.pi)

ENERGY = 100.0
"""Kinetic energy of a coordinate, nats, above which it grows as its logarithm."""

MAX_LOG_DIAGONAL = 1.5

MIN_FLOOR = 1e-3
"""Least lambda with which float32 can factor the metric of a hundred centres in one place."""


def bounded_factors(entries: Tensor) -> Tensor:
    """Return lower triangular matrices of any numbers, `(centres, d, d)`.

    Diagonals are within exp(-1.5) and exp(1.5), the others of a row at most 1 together, squared.

    Args:
        entries: Those of the diagonals, then the others row by row, `(centres, d (d + 1) / 2)`.
    """
    count = entries.shape[-1]
    size = math.isqrt(2 * count)
    diagonal, others = ops.tanh(entries[:, :size]), ops.tanh(entries[:, size:])
    zero = ops.zeros_like(diagonal[:, :1])
    bounded = [ops.exp(MAX_LOG_DIAGONAL * diagonal), others / math.sqrt(size), zero]
    places = np.full((size, size), count, "int32")  # of each entry among these; the last is 0
    places[np.diag_indices(size)] = np.arange(size)
    places[np.tril_indices(size, -1)] = np.arange(size, count)
    taken = ops.take(ops.concatenate(bounded, axis=-1), places.ravel(), axis=1)
    return ops.reshape(taken, (-1, size, size))


class KernelMetric:
    """G^{-1}(z) = sum_i L_i L_i^T exp(-|z - c_i|^2 / T^2) + lambda I.

    Args:
        centres: c_i, `(centres, d)`.
        factors: L_i, `(centres, d, d)`, lower triangular.
        width: T, positive.
        floor: lambda, positive.

    Reference:
        Chadebec et al. (2020), https://arxiv.org/abs/2010.11518, section 3.
    """

    def __init__(self, centres: Tensor, factors: Tensor, width: float, floor: float) -> None:
        self.centres, self.width, self.floor = centres, width, floor
        self.size: int = centres.shape[-1]
        self.eye = ops.convert_to_tensor(np.eye(self.size, dtype="float32"))
        squares = ops.matmul(factors, ops.transpose(factors, (0, 2, 1)))
        self.squares = ops.reshape(squares, (-1, self.size**2))
        """L_i L_i^T, `(centres, d * d)`."""

    def at(self, z: Tensor) -> Place:
        """Return the metric at places `(batch, d)`."""
        return Place(self, z)


class Place:
    """A metric G at some places z, and the kinetic energy of momenta r there.

    The energy is phi(r^T G^{-1}(z) r / 2) with phi(q) = q up to `ENERGY` for each coordinate. From
    there on it is a logarithm with the same slope, so that no momentum moves anything far.

    Args:
        metric: The metric.
        z: Places `(batch, d)`.
    """

    def __init__(self, metric: KernelMetric, z: Tensor) -> None:
        self.metric, self.z = metric, z
        away = ops.sum(ops.square(z[:, None] - metric.centres), axis=-1)
        self.weights = ops.exp(-away / metric.width**2)  # (batch, centres)
        inverse = ops.matmul(self.weights, metric.squares)
        inverse = ops.reshape(inverse, (-1, metric.size, metric.size))
        self.inverse = inverse + metric.floor * metric.eye
        """G^{-1}, `(batch, d, d)`."""

    @functools.cached_property
    def root(self) -> Tensor:
        """C, lower triangular with C C^T = G^{-1}, `(batch, d, d)`."""
        return ops.cholesky(self.inverse)

    @functools.cached_property
    def matrix(self) -> Tensor:
        """G, `(batch, d, d)`."""
        eye = ops.zeros_like(self.root) + self.metric.eye
        root = ops.solve_triangular(self.root, eye, lower=True)
        return ops.matmul(ops.transpose(root, (0, 2, 1)), root)

    @property
    def half_log_det(self) -> Tensor:
        """0.5 log det G^{-1}, `(batch,)`."""
        return ops.sum(ops.log(ops.diagonal(self.root, axis1=-2, axis2=-1)), axis=-1)

    def momentum(self, noise: Tensor) -> Tensor:
        """Return C^{-T} noise, `(batch, d)`: of a draw from N(0, I) one from N(0, G)."""
        upper = ops.transpose(self.root, (0, 2, 1))
        return ops.solve_triangular(upper, noise[..., None], lower=False)[..., 0]

    def log_prob(self, momentum: Tensor) -> Tensor:
        """Return log N(momentum; 0, G), `(batch,)`, nats."""
        whitened = ops.sum(self.root * momentum[..., None], axis=-2)  # C^T r
        squares = ops.sum(ops.square(whitened), axis=-1)
        return self.half_log_det - 0.5 * (squares + self.metric.size * LOG_TWO_PI)

    def velocity(self, momentum: Tensor) -> Tensor:
        """Return the energy's gradient by the momentum, `(batch, d)`."""
        velocity, share = self._velocity(momentum)
        return share * velocity

    def slope(self, momentum: Tensor) -> Tensor:
        """Return the gradient of the energy plus 0.5 log det G by the place, `(batch, d)`."""
        flat, share = (-1, self.metric.size**2), self._velocity(momentum)[1]
        outer = ops.reshape(momentum[:, :, None] * momentum[:, None, :], flat)
        pull = share * outer - ops.reshape(self.matrix, flat)
        # dw_i/dz = -2 w_i (z - c_i) / T^2, each times (phi' r^T L_i L_i^T r - tr G L_i L_i^T) / 2.
        pulls = self.weights * ops.matmul(pull, ops.transpose(self.metric.squares))
        total = ops.sum(pulls, axis=-1, keepdims=True)
        return (ops.matmul(pulls, self.metric.centres) - total * self.z) / self.metric.width**2

    def _velocity(self, momentum: Tensor) -> tuple[Tensor, Tensor]:
        """Return G^{-1} r `(batch, d)` and phi' `(batch, 1)`."""
        velocity = ops.sum(self.inverse * momentum[:, None, :], axis=-1)
        energy = 0.5 * ops.sum(momentum * velocity, axis=-1, keepdims=True)
        most = ENERGY * self.metric.size
        return velocity, most / ops.maximum(energy, most)
