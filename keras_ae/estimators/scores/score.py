"""How strange a row is, by what a trained model makes of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from keras_ae.parts import Part
from keras_ae.typing import Tensor


class Score(Part):
    """An anomaly score of rows, higher where a row is more anomalous.

    A row's score depends on the row alone, and on what was read off rows of training when the
    score was made.
    """

    reads: ClassVar[tuple[str, ...]]
    """Names of the features that it is computed of; see `features_of`."""

    @classmethod
    @abstractmethod
    def fitted(cls, model: Any, features: Mapping[str, np.ndarray]) -> Self:
        """Return the score of a model.

        Args:
            model: A trained model of scaled rows.
            features: Of rows of training, in an order by chance, each `(rows, ...)`.

        Raises:
            ValueError: The model has no such score.
        """

    @abstractmethod
    def value(self, features: Mapping[str, Tensor]) -> Tensor:
        """Return the scores `(batch,)` of features `(batch, ...)`."""

    def quick(self, features: Mapping[str, Tensor]) -> Tensor:
        """Return the scores in less time, NaN where they would be less exact; `value` by default.

        Whether a row's score is of this kind depends on the row alone, too.
        """
        return self.value(features)

    def changed(self, features: Mapping[str, Tensor], original: Mapping[str, Tensor]) -> Tensor:
        """Return the scores `(batch,)` of rows that were changed, for what the change is worth.

        Args:
            features: Of the changed rows.
            original: Of the rows as they were, with which changed ones must not be compared.
        """
        return self.value(features)
