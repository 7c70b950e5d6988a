"""What an entropy coder would write."""

from __future__ import annotations

import math
from typing import Any

import keras

from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_positive
from keras_ae.typing import Batch, Outputs, Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class CodeLength(Term):
    """The nats of a code of whole numbers: -log P of what an entropy coder writes of an example.

    With the reconstruction's -log p(x | z) the sum is a rate and a distortion; where noise stands
    for rounding it is an upper bound of -log p(x) under the model whose prior is the code's.

    Args:
        weight: The term's multiplier.

    Reference:
        Balle et al. (2017), https://arxiv.org/abs/1611.01704, equations 12 and 13.
    """

    needs = ("nats",)
    scores = True

    def __init__(self, weight: Weight = 1.0) -> None:
        super().__init__(weight, name="code_length")

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return nats of each example, `(batch,)`."""
        return outputs["nats"]


def scale_of(trade_off: float, shape: Shape) -> float:
    """Return the deviation of numbers of [0, 1] whose nats weigh errors as a trade-off does.

    A pixel of C numbers has errors C MSE / (2 sigma^2) nats, which lambda 255^2 MSE bits are.

    Args:
        trade_off: lambda, bits a pixel that an error of 1 in 255 is worth.
        shape: Of one example; its last axis holds a pixel's numbers, unless it is the only one.
    """
    channels = shape[-1] if len(shape) > 1 else 1
    error = checked_positive("trade_off", trade_off) * 255.0**2 * math.log(2.0)
    return math.sqrt(channels / (2.0 * error))


def step_of(deviation: float) -> float:
    """Return the width of the steps to which an orthonormal transform's numbers are best rounded.

    Steps of width D cost -log D + const nats and leave errors D^2 / 12, of D^2 / (24 sigma^2)
    nats: the least sum is at D = sqrt(12) sigma.

    Args:
        deviation: sigma of the likelihood.

    Reference:
        Gray and Neuhoff (1998), https://doi.org/10.1109/18.720541, section II, for both where the
        steps are small.
    """
    return math.sqrt(12.0) * deviation
