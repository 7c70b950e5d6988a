"""What the likelihoods of counts share."""

from __future__ import annotations

import math

from keras import ops

from keras_ae.likelihoods.likelihood import Elementwise
from keras_ae.likelihoods.scale import bounded_exp
from keras_ae.typing import Tensor

MAX_LOG_MEAN = 20.0
"""Bound of the logarithm of a mean: means of up to 4.9e8, and as near to 0."""


class Counts(Elementwise):
    """Whole numbers from 0 on; encoders are given log(1 + x), since counts span many orders."""

    masses = True
    support = (0.0, math.inf)
    whole = True

    def encoder_input(self, x: Tensor) -> Tensor:
        """Return log(1 + x), and 0 where noise has led below the support."""
        return ops.log1p(ops.maximum(x, 0.0))


def mean_of(raw: Tensor) -> Tensor:
    """Return exp(raw), bounded."""
    return bounded_exp(raw, MAX_LOG_MEAN)
