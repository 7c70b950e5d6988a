"""Rejection sampling without a loop: a fixed number of proposals, the first accepted taken."""

from __future__ import annotations

from keras import ops

from keras_ae.typing import Tensor


def first_accepted(proposals: Tensor, accepted: Tensor) -> Tensor:
    """Return the first accepted proposal of each row, or its first where none is accepted.

    Args:
        proposals: Finite numbers, `(..., rounds)`.
        accepted: Whether each is accepted, bool, `(..., rounds)`.

    Returns:
        The chosen proposals, `(...,)`.
    """
    rounds = proposals.shape[-1]
    # Not `argmax`: what Keras makes of it on TensorFlow is no ONNX operation.
    rank = ops.where(accepted, float(rounds), 0.0) - ops.arange(rounds, dtype="float32")
    chosen = rank >= ops.max(rank, axis=-1, keepdims=True)
    return ops.sum(ops.where(chosen, proposals, 0.0), axis=-1)
