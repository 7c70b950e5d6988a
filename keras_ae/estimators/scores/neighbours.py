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

REFERENCES = 1_000
"""Rows of training that are kept to compare with, at most."""
SAME = 1e-10
"""Rows are the same whose squared distance is a smaller part of their squared length, or of 1."""
NEAR = 0.01
"""Rows are near whose squared distance is; where they are, a distance by products is inexact."""


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
        rows, square, approximate = self._compared(features)
        least, _, more = self._two_nearest(rows, approximate)
        if self.points.shape[0] == 1:
            return ops.sqrt(least)
        return ops.sqrt(ops.where(least <= SAME * square, more, least))

    def quick(self, features: Mapping[str, Tensor]) -> Tensor:
        """Return the distance `(batch,)` by products alone, to 1e-5 of itself; NaN where near."""
        rows = self._rows(features)
        ones = ops.ones_like(rows[:, :1])
        table = ops.concatenate([-2.0 * self.points, self.squares[:, None]], axis=1)
        products = ops.matmul(ops.concatenate([rows, ones], axis=1), ops.transpose(table))
        square = ops.sum(ops.square(rows), axis=-1)
        least = ops.min(products, axis=-1) + square
        is_near = least <= NEAR * ops.maximum(square, 1.0)
        return ops.where(is_near, float("nan"), ops.sqrt(ops.where(is_near, 1.0, least)))

    def changed(self, features: Mapping[str, Tensor], original: Mapping[str, Tensor]) -> Tensor:
        """Return the distance `(batch,)` of changed rows to references other than the original."""
        rows, square, approximate = self._compared(original)
        least, place, _ = self._two_nearest(rows, approximate)
        there = ops.logical_and(self._is_at(place), (least <= SAME * square)[:, None])
        rows, _, approximate = self._compared(features)
        if self.points.shape[0] > 1:
            approximate = ops.where(there, 1e30, approximate)
        return ops.sqrt(self._two_nearest(rows, approximate)[0])

    def _rows(self, features: Mapping[str, Tensor]) -> Tensor:
        parts = [features[name] for name in self.reads]
        raw = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)
        return (raw - self.middle) * self.scale

    def _compared(self, features: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return scaled rows, their squared lengths, 1 at least, and squared distances.

        Those are of products, `(batch, references)`, and wrong by a millionth of the lengths.
        """
        rows = self._rows(features)
        square = ops.sum(ops.square(rows), axis=-1)
        products = ops.matmul(rows, ops.transpose(self.points))
        return rows, ops.maximum(square, 1.0), square[:, None] + self.squares - 2.0 * products

    def _two_nearest(self, rows: Tensor, approximate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the least squared distance `(batch,)`, by differences, its place, and the next."""
        first = ops.argmin(approximate, axis=-1)
        others = ops.where(self._is_at(first), 1e30, approximate)
        second = ops.argmin(others, axis=-1)
        one, two = (
            ops.sum(ops.square(rows - ops.take(self.points, place, axis=0)), axis=-1)
            for place in (first, second)
        )
        return ops.minimum(one, two), ops.where(one <= two, first, second), ops.maximum(one, two)

    def _is_at(self, place: Tensor) -> Tensor:
        numbers = ops.arange(self.points.shape[0], dtype="int32")
        return ops.equal(ops.cast(place, "int32")[:, None], numbers)
