"""How far a row is from its neighbours, in itself and in what a model does not explain of it."""

from __future__ import annotations

from typing import ClassVar

import keras
import numpy as np

from keras_ae.estimators.scores.neighbours import Neighbours


@keras.saving.register_keras_serializable("keras_ae.estimators")
class Combined(Neighbours):
    """The distance to the nearest other reference, of row and residual side by side.

    sqrt(|x - r|^2 + |(x - g(f(x))) - (r - g(f(r)))|^2) for a row x and a reference r, in deviations
    of the table's columns. A row is strange that has no like, and stranger if it is reconstructed
    as no other row is.

    Args:
        width: Numbers of a row and its residual.
        references: Rows to compare with.

    Reference:
        A combination of this package's own, of distances as in `Neighbours`; `benchmarks/tabular`
        measures it beside the other scores.
    """

    reads: ClassVar[tuple[str, ...]] = ("row", "residual")

    @classmethod
    def scale_of(cls, raw: np.ndarray) -> np.ndarray:
        """Return ones: rows are scaled already."""
        return np.ones(raw.shape[1])
