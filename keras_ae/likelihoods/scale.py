"""Scales of likelihoods: fixed, or given by the decoder around a starting point."""

from __future__ import annotations

from keras import ops

from keras_ae.typing import Tensor

MAX_LOG = 10.0
"""Bound of a learned logarithm: beyond e^10 either way a density is flat, or a point."""


def bounded_exp(raw: Tensor, bound: float = MAX_LOG) -> Tensor:
    """Return exp(raw) with raw clipped to +-bound, so that it and its inverse stay finite."""
    return ops.exp(ops.clip(raw, -bound, bound))
