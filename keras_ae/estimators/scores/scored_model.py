"""A trained model and a score of it, as one model of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import keras
import numpy as np

from keras_ae.backend.compiled.rowwise import Rowwise
from keras_ae.estimators.alike import Alike
from keras_ae.estimators.scores.features import features_of, reader
from keras_ae.estimators.scores.score import Score
from keras_ae.parts import MadeAgain
from keras_ae.typing import Tensor
from keras_ae.views import Views

MOST_ROWS = 20_000
"""Of training, from which a score is made."""


@keras.saving.register_keras_serializable("keras_ae.estimators")
class ScoredModel(MadeAgain, keras.Model):
    """The anomaly score of scaled rows, by a trained model.

    Args:
        model: A trained model of scaled rows.
        score: What is read off it.
    """

    def __init__(self, model: Any, score: Score) -> None:
        super().__init__(autocast=False, name="scored_model")
        self.autoencoder, self.score = model, score
        self.built = True
        self.__dict__["views"] = Views(self)
        self.__dict__["_alike"] = Alike(self, "score_tensor")
        self.__dict__["_quick"] = Alike(self, "quick_score_tensor")

    @classmethod
    def fitted(
        cls,
        kind: type[Score],
        model: Any,
        x: np.ndarray,
        rng: np.random.Generator,
        weight: np.ndarray | None = None,
    ) -> Self:
        """Return a model with its score, made of rows of training.

        Args:
            kind: Of score.
            model: A trained model of scaled rows.
            x: Scaled rows `(rows, width)`, float32.
            rng: By which rows are chosen.
            weight: Of each row: a heavier one is chosen more often.

        Raises:
            ValueError: The model has no such score.
        """
        most = min(MOST_ROWS, len(x))
        share = None if weight is None else weight / weight.sum()
        chosen = x[rng.choice(len(x), most, replace=False, p=share)]
        features = Rowwise(model, reader(kind.reads))(chosen)
        return cls(model, kind.fitted(model, features))

    def score_tensor(self, x: Any) -> Tensor:
        """Return scores `(batch,)`, float32.

        Args:
            x: Scaled rows, or a dict of them as `x` and of what they were before they were changed
                as `original`.
        """
        if not isinstance(x, Mapping):
            return self.score.value(features_of(self.autoencoder, x, self.score.reads))
        changed, original = (
            features_of(self.autoencoder, x[name], self.score.reads) for name in ("x", "original")
        )
        return self.score.changed(changed, original)

    def quick_score_tensor(self, x: Tensor) -> Tensor:
        """Return the scores `(batch,)` of scaled rows in less time, NaN where they are inexact."""
        return self.score.quick(features_of(self.autoencoder, x, self.score.reads))

    def call(self, x: Tensor) -> Tensor:
        """Return scores `(batch,)`, float32."""
        return self.score_tensor(x)

    def scores(self, x: np.ndarray, original: np.ndarray | None = None) -> np.ndarray:
        """Return scores `(rows,)` of scaled rows, float64; each of its own row alone.

        Args:
            x: `(rows, width)`, float32.
            original: What the rows were before they were changed, if they were.
        """
        if original is not None:
            return np.asarray(self._alike({"x": x, "original": original}), "float64")
        found = np.asarray(self._quick(x), "float64")
        if (inexact := np.isnan(found)).any():
            found[inexact] = self._alike(x[inexact])
        return found
