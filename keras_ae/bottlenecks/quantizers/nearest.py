"""Which code is nearest, on every backend the same."""

from __future__ import annotations

from keras import ops

from keras_ae.typing import Tensor


def nearest(points: Tensor, codes: Tensor) -> Tensor:
    """Return the index of the nearest code of each row `(n, code_dim)`, int32 `(n,)`.

    Of equally near codes the lowest index is taken, on every backend; argmin's own rule differs
    between them, and some export formats lack it.

    Args:
        points: Rows, float32.
        codes: `(num_codes, code_dim)` float32.
    """
    # |p - c|^2 without |p|^2, after moving the origin to the codes' centre: the expanded form loses
    # all digits when the data lie far from the origin.
    centre = ops.mean(codes, axis=0)
    codes, points = codes - centre, points - centre
    distances = ops.sum(ops.square(codes), axis=-1) - 2.0 * ops.matmul(points, ops.transpose(codes))
    return lowest(distances)


def lowest(scores: Tensor) -> Tensor:
    """Return where scores are least along the last axis, the lowest index of equal ones, int32."""
    count = scores.shape[-1]
    smallest = ops.min(scores, axis=-1, keepdims=True)
    indices = ops.arange(count, dtype="int32")
    found = ops.min(ops.where(scores <= smallest, indices, count), axis=-1)
    return ops.minimum(found, count - 1)  # of scores that are not numbers none is least
