"""Bottlenecks h -> code: what is squeezed, and what is reported about it."""

from __future__ import annotations

from keras_ae.bottlenecks.bottleneck import Bottleneck
from keras_ae.bottlenecks.deterministic import Deterministic
from keras_ae.bottlenecks.gaussian import Gaussian
from keras_ae.bottlenecks.quantizers.vector import VectorQuantizer

PARTS: dict[str, type[Bottleneck]] = {
    "deterministic": Deterministic,
    "gaussian": Gaussian,
    "vector_quantizer": VectorQuantizer,
}

__all__ = ["PARTS", "Bottleneck", "Deterministic", "Gaussian", "VectorQuantizer"]
