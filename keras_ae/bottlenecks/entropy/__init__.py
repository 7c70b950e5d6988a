"""Codes that an entropy coder can write: whole numbers whose distributions are known."""

from keras_ae.bottlenecks.entropy.conditional import (
    Conditional,
    GaussianConditional,
    LogisticConditional,
)
from keras_ae.bottlenecks.entropy.entropy_bottleneck import EntropyBottleneck
from keras_ae.bottlenecks.entropy.hyperprior import Hyperprior, of_kind
from keras_ae.bottlenecks.entropy.relaxed_rounding import RelaxedRounding

__all__ = [
    "Conditional",
    "EntropyBottleneck",
    "GaussianConditional",
    "Hyperprior",
    "LogisticConditional",
    "RelaxedRounding",
    "of_kind",
]
