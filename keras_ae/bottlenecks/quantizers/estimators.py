"""What gradient passes from codes to the vectors that they stand for."""

from __future__ import annotations

from collections.abc import Callable

from keras import ops

from keras_ae.bottlenecks.quantizers.quantizer import straight_through
from keras_ae.typing import Tensor

LEAST_LENGTH = 1e-6
RATIOS = (0.1, 10.0)
"""Bounds of how much longer than its vector a code may be, by which gradients are multiplied."""


def rotation(vectors: Tensor, codes: Tensor) -> Tensor:
    """Return the codes, with the gradient of what turns and stretches each vector onto its code.

    The turn is held fixed. The stretch |q| / |e| is kept in [0.1, 10], and a vector or a code of no
    length has the gradient of `straight_through`: gradients would grow without bound.

    Args:
        vectors: e, `(..., code_dim)`.
        codes: q, as many.

    Reference:
        Fifty et al. (2024), https://arxiv.org/abs/2410.06424, equation 4 and section 4.3.
    """
    e, q = ops.stop_gradient(vectors), ops.stop_gradient(codes)
    length, of_code = (ops.sqrt(ops.sum(ops.square(v), axis=-1, keepdims=True)) for v in (e, q))
    short = ops.minimum(length, of_code) < LEAST_LENGTH
    a = e / ops.maximum(length, LEAST_LENGTH)
    b = q / ops.maximum(of_code, LEAST_LENGTH)
    middle = a + b
    size = ops.sqrt(ops.sum(ops.square(middle), axis=-1, keepdims=True))
    middle = middle / ops.maximum(size, LEAST_LENGTH)
    along = ops.sum(vectors * middle, axis=-1, keepdims=True)
    turned = vectors - 2.0 * along * middle + 2.0 * b * ops.sum(vectors * a, axis=-1, keepdims=True)
    ratio = ops.clip(of_code / ops.maximum(length, LEAST_LENGTH), *RATIOS)
    moved = ops.where(short, vectors, ratio * turned)
    return straight_through(moved, codes)


ESTIMATORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "straight_through": straight_through,
    "rotation": rotation,
}
