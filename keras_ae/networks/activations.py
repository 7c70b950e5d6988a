"""Activations of which every format of export knows the operations."""

from __future__ import annotations

import math

import keras
from keras import ops

from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.networks")
def gelu(x: Tensor) -> Tensor:
    """Return x Phi(x), with the normal distribution's function Phi, of x's shape and type.

    By erf: Keras's own is by erfc, for which ONNX has no operation.

    Reference: Hendrycks and Gimpel (2016), https://arxiv.org/abs/1606.08415, equation 2.
    """
    return 0.5 * x * (1.0 + ops.erf(x * math.sqrt(0.5)))
