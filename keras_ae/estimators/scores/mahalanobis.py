"""How far a code is from the middle of all codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import keras
import numpy as np
from keras import ops

from keras_ae.estimators.scores.score import Score
from keras_ae.parts import checked_size
from keras_ae.typing import Tensor

RIDGE = 1e-6
"""Added to variances of standardised codes, which may lie in fewer dimensions than they have."""


@keras.saving.register_keras_serializable("keras_ae.estimators")
class Mahalanobis(Score):
    """The distance of a code from the mean of training, in units of their covariance.

    Args:
        width: Numbers of a code.

    Reference:
        Mahalanobis (1936), On the generalised distance in statistics; of codes as in Denouden et
        al. (2018), https://arxiv.org/abs/1812.02765, equation 2.
    """

    reads: ClassVar[tuple[str, ...]] = ("code",)

    def __init__(self, width: int) -> None:
        super().__init__()
        width = checked_size("width", width)
        state: dict[str, Any] = {"trainable": False, "dtype": "float32", "autocast": False}
        self.mean = self.add_weight(shape=(width,), name="mean", initializer="zeros", **state)
        self.whitening = self.add_weight(shape=(width, width), name="whitening", **state)
        self.built = True

    @classmethod
    def fitted(cls, model: Any, features: Mapping[str, np.ndarray]) -> Self:
        """Return the score with the mean and the covariance of codes."""
        codes = np.asarray(features["code"], "float64")
        deviation = codes.std(axis=0)
        deviation = np.where(deviation > 0.0, deviation, 1.0)
        centred = (codes - codes.mean(axis=0)) / deviation
        values, vectors = np.linalg.eigh(centred.T @ centred / len(codes))
        score = cls(codes.shape[1])
        score.mean.assign(codes.mean(axis=0))
        whitening = vectors / np.sqrt(np.maximum(values, 0.0) + RIDGE) / deviation[:, None]
        score.whitening.assign(np.ascontiguousarray(whitening))
        return score

    def value(self, features: Mapping[str, Tensor]) -> Tensor:
        """Return the distance `(batch,)` of codes `(batch, width)`."""
        white = ops.matmul(features["code"] - self.mean, self.whitening)
        return ops.sqrt(ops.sum(ops.square(white), axis=-1))
