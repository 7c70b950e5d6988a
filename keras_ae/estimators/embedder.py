"""Tables as short codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from keras_ae.estimators.single_model import SingleModel


class Embedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, SingleModel):
    """Reduces the rows of a table to codes, and gives rows of codes back.

    Args:
        model: A variant's name, a `LatentModel`, or a Keras model from rows to rows.
        **training: `latent_dim`, `epochs`, `missing`, `random_state` and the others of
            `TableEstimator`.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(60, 5))
        >>> embedder = Embedder(latent_dim=2, epochs=2, random_state=0).fit(rows)
        >>> embedder.transform(rows).shape, embedder.inverse_transform(np.zeros((3, 2))).shape
        ((60, 2), (3, 5))
    """

    def __init__(self, model: Any = "autoencoder", **training: Any) -> None:
        super().__init__(model, **training)

    @property
    def _n_features_out(self) -> int:
        return int(np.prod(self.model_.latent_shape))

    def transform(self, X: Any) -> np.ndarray:
        """Return codes `(rows, numbers)`, float64: a posterior's mean, or the code itself."""
        return np.asarray(self._codes(self._scaled(X)), "float64")

    def inverse_transform(self, Z: Any) -> Any:
        """Return the rows that codes stand for, as a table of the columns and dtypes of training.

        Args:
            Z: `(rows, numbers)`.

        Raises:
            ValueError: Codes have another length.
        """
        check_is_fitted(self)
        codes = np.asarray(Z, "float32")
        if codes.ndim != 2 or codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"codes must have the shape (rows, {self._n_features_out}). Received: {codes.shape}"
            )
        decoded = self.model_.decode(codes.reshape(len(codes), *self.model_.latent_shape))
        return self.schema_.decode(self.scaling_.restore(decoded))
