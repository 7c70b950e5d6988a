"""How far a code is from its neighbours among those of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import keras
import numpy as np
from keras import ops

from keras_ae.estimators.scores.score import Score
from keras_ae.parts import checked_size
from keras_ae.typing import Tensor

REFERENCES = 4_000
"""Rows of training that are kept to compare with, at most."""
SAME = 1e-5
"""Rows are the same whose squared distance is a smaller part of their squared length, or of 1."""


@keras.saving.register_keras_serializable("keras_ae.estimators")
class Neighbours(Score):
    """The distance of a code to the nearest other of reference rows, each number in deviations.

    A reference at no distance, as far as float32 can tell, is taken for the row itself, and left
    out once: so rows of training are scored as others are.

    Args:
        width: Numbers of a code.
        references: Rows to compare with.

    Reference:
        Sugiyama and Borgwardt (2013), Rapid distance-based outlier detection via sampling,
        equation 1.
    """

    reads: ClassVar[tuple[str, ...]] = ("code",)

    def __init__(self, width: int, references: int = REFERENCES) -> None:
        super().__init__()
        shape = (checked_size("references", references), checked_size("width", width))
        state: dict[str, Any] = {"trainable": False, "dtype": "float32", "autocast": False}
        self.scale = self.add_weight(shape=shape[1:], name="scale", initializer="ones", **state)
        self.middle = self.add_weight(shape=shape[1:], name="middle", initializer="zeros", **state)
        self.points = self.add_weight(shape=shape, name="points", initializer="zeros", **state)
        self.squares = self.add_weight(shape=shape[:1], name="squares", **state)
        self.built = True

    @classmethod
    def fitted(cls, model: Any, features: Mapping[str, np.ndarray]) -> Self:
        """Return the score with the first rows as its references."""
        raw = np.concatenate([np.asarray(features[name], "float64") for name in cls.reads], axis=1)
        kept = raw[:REFERENCES]
        score = cls(raw.shape[1], len(kept))
        scale = cls.scale_of(raw)
        middle = raw.mean(axis=0)  # from which numbers are small, and their squares exact
        points = ((kept - middle) * scale).astype("float32")
        score.scale.assign(scale)
        score.middle.assign(middle)
        score.points.assign(points)
        score.squares.assign(np.square(points, dtype="float64").sum(axis=1))
        return score

    @classmethod
    def scale_of(cls, raw: np.ndarray) -> np.ndarray:
        """Return what each number of a row is multiplied by: one over its deviation."""
        deviation = raw.std(axis=0)
        return 1.0 / np.where(deviation > 1e-6 * max(1.0, deviation.max()), deviation, 1.0)

    def value(self, features: Mapping[str, Tensor]) -> Tensor:
        """Return the distance `(batch,)`; with one reference alone, to that."""
        distances, is_itself = self._compared(features)
        return self._nearest(distances, is_itself)

    def changed(self, features: Mapping[str, Tensor], original: Mapping[str, Tensor]) -> Tensor:
        """Return the distance `(batch,)` of changed rows to references other than the original."""
        _, is_itself = self._compared(original)
        return self._nearest(self._compared(features)[0], is_itself)

    def _compared(self, features: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return squared distances `(batch, references)`, and which reference is the row itself."""
        parts = [features[name] for name in self.reads]
        raw = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)
        rows = (raw - self.middle) * self.scale
        square = ops.sum(ops.square(rows), axis=-1, keepdims=True)
        products = ops.matmul(rows, ops.transpose(self.points))
        distances = ops.maximum(square + self.squares - 2.0 * products, 0.0)
        # The nearest, if it is at no distance; one of several that are is another row.
        nearest = ops.min(distances, axis=-1, keepdims=True)
        same = distances <= ops.maximum(nearest, SAME * ops.maximum(square, 1.0))
        several = ops.sum(ops.cast(same, "float32"), axis=-1, keepdims=True) > 1.5
        is_same = nearest <= SAME * ops.maximum(square, 1.0)
        alone = ops.logical_and(is_same, ops.logical_not(several))
        return distances, ops.logical_and(same, alone)

    def _nearest(self, distances: Tensor, left_out: Tensor) -> Tensor:
        if self.points.shape[0] > 1:
            distances = ops.where(left_out, 1e30, distances)
        return ops.sqrt(ops.min(distances, axis=-1))
