"""Quantizers: codes from a finite set."""

from keras_ae.bottlenecks.quantizers.vector import VectorQuantizer

__all__ = ["VectorQuantizer"]
