"""The sliced Wasserstein distance of the codes from the prior."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.objectives.matching import Matching
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_size
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class SlicedWasserstein(Matching):
    """The squared 2-Wasserstein distance of projections on random lines, their mean over the lines.

    On a line the distance is known: the mean squared difference of the sorted numbers. With lines
    in all directions it is zero for equal sets only, at the cost of a sort.

    Args:
        weight: The term's multiplier: lambda.
        projections: L, directions drawn anew at each step, uniform on the sphere.

    Reference:
        Kolouri et al. (2019), https://arxiv.org/abs/1804.01947, equations 11 and 12 and
        algorithm 1; Bonneel et al. (2015), https://doi.org/10.1007/s10851-014-0506-3.

    Example:
        >>> SlicedWasserstein(10.0, projections=20).name
        'sliced_wasserstein'
    """

    def __init__(self, weight: Weight = 1.0, projections: int = 50) -> None:
        super().__init__(weight)
        self.projections = checked_size("projections", projections)

    def distance(self, codes: Tensor, drawn: Tensor, training: bool) -> Tensor:
        """Return the mean over directions, a scalar."""
        shape = (codes.shape[1], self.projections)
        # A normal vector points anywhere alike, and is never of length 0 but for rounding.
        lines = self.noise.normal(shape, "float32", training)
        lengths = ops.sqrt(ops.sum(ops.square(lines), axis=0, keepdims=True))
        return sliced_wasserstein(codes, drawn, lines / ops.maximum(lengths, 1e-12))


def sliced_wasserstein(a: Tensor, b: Tensor, directions: Tensor) -> Tensor:
    """Return the mean over directions of the squared distance of two projected sets, a scalar.

    Args:
        a: `(n, d)`.
        b: `(n, d)`.
        directions: Of length 1, `(d, directions)`.
    """
    a, b = (ops.sort(ops.matmul(points, directions), axis=0) for points in (a, b))
    return ops.mean(ops.square(a - b))
