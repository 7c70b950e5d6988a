"""The Cramer-Wold distance of the codes from a standard normal, in closed form."""

from __future__ import annotations

import functools
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.objectives.matching import about_their_mean, squared_distances
from keras_ae.objectives.rate import check_prior
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.priors import StandardNormal
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class CramerWold(Term):
    """The logarithm of the squared Cramer-Wold distance of the batch's codes from N(0, I).

    The distance is the mean over all directions of the squared L2 distance of the smoothed
    projections. Against a normal it needs no draws: see `squared_cramer_wold`.

    Args:
        weight: The term's multiplier.

    Reference:
        Knop et al. (2020), https://jmlr.org/papers/v21/19-560.html, theorems 1 and 3; the width
        gamma is Silverman's rule, (4 / (3 n))^(2/5) for n codes. The function phi of the distance
        is exact here; the paper's approximation of it, meant for 20 dimensions or more, has its
        least value at codes that are too narrow in fewer.

    Example:
        >>> CramerWold(1.0).name
        'cramer_wold'
    """

    of_batch = True

    def __init__(self, weight: Weight = 1.0) -> None:
        super().__init__(weight)

    def attach(self, model: Any) -> None:
        """Refuse a prior that is no standard normal, and codes of a single number.

        Raises:
            ValueError: As said.
        """
        check_prior("CramerWold", model)
        if not isinstance(model.prior, StandardNormal):
            raise ValueError(
                "CramerWold knows the distance from a standard normal only. Received: "
                f"{type(model.prior).__name__}. Pass `prior='standard_normal'`, or take "
                "`SlicedWasserstein`."
            )
        if math.prod(model.latent_shape) < 2:
            raise ValueError(
                "CramerWold needs codes of at least 2 numbers. "
                f"Received: latent_shape={model.latent_shape}"
            )

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return log D^2 of the batch, a scalar."""
        codes = ops.cast(outputs["latent"], "float32")
        codes = ops.reshape(codes, (ops.shape(codes)[0], -1))
        # Of equal distributions the square is a difference of equal sums.
        return ops.log(ops.maximum(squared_cramer_wold(codes), 1e-12))


def squared_cramer_wold(codes: Tensor) -> Tensor:
    """Return the squared distance of codes `(n, d)`, d at least 2, from N(0, I), a scalar."""
    count, size = ops.cast(ops.shape(codes)[0], "float32"), codes.shape[1]
    gamma = ops.power(4.0 / (3.0 * count), 0.4)
    squares = ops.sum(ops.square(codes), axis=1)
    centred, _ = about_their_mean(codes, codes)
    among = ops.mean(phi(squared_distances(centred, centred) / (4.0 * gamma), size))
    between = ops.mean(phi(squares / (4.0 * gamma + 2.0), size))
    found = among * ops.rsqrt(gamma) + ops.rsqrt(1.0 + gamma)
    return (found - 2.0 * between * ops.rsqrt(gamma + 0.5)) / (2.0 * math.sqrt(math.pi))


def phi(s: Tensor, size: int) -> Tensor:
    """Return E exp(-s u^2) = 1F1(1/2; d/2; -s), u a coordinate of a uniform point of the sphere.

    Gauss's quadrature up to where its points are too far apart, then the series in 1 / s.

    Args:
        s: Not negative, of any shape.
        size: d, at least 2.

    Reference:
        Knop et al. (2020), https://jmlr.org/papers/v21/19-560.html, theorem 1; DLMF,
        https://dlmf.nist.gov/13.7, equation 13.7.2.
    """
    far = max(300.0, 4.0 * size)
    near, beyond = ops.minimum(s, far), ops.maximum(s, far)
    points, weights = _quadrature(size)
    total: Tensor = 0.0
    for point, weight in zip(points, weights, strict=True):
        total = total + weight * ops.exp(-(point**2) * near)
    series = ops.ones_like(beyond)
    for k in reversed(range(_TERMS)):  # Horner: powers of large numbers would overflow
        series = 1.0 + (0.5 + k) * ((3.0 - size) / 2.0 + k) / (k + 1.0) / beyond * series
    constant = math.exp(math.lgamma(size / 2.0) - math.lgamma((size - 1.0) / 2.0))
    return ops.where(s <= far, total, constant * ops.rsqrt(beyond) * series)


_POINTS, _TERMS = 64, 8


@functools.cache
def _quadrature(size: int) -> tuple[list[float], list[float]]:
    """Return the positive points for (1 - u^2)^((size - 3) / 2), and weights that sum to 1.

    Golub and Welsch (1969): the eigenvalues of the recurrence of Gegenbauer's polynomials.
    """
    order, k = size / 2.0 - 1.0, np.arange(2, _POINTS)
    beside = k * (k + 2 * order - 1) / (4 * (k + order) * (k + order - 1))
    beside = np.sqrt(np.concatenate([[1 / (2 * (1 + order))], beside]))
    points, vectors = np.linalg.eigh(np.diag(beside, 1) + np.diag(beside, -1))
    half = points > 0
    return points[half].tolist(), (2 * vectors[0, half] ** 2).tolist()
