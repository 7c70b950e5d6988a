"""Tables with their gaps filled in."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin

from keras_ae.estimators import reading
from keras_ae.estimators.single_model import SingleModel


class Imputer(OneToOneFeatureMixin, TransformerMixin, SingleModel):
    """Learns from rows with gaps, and fills in gaps of these and of other rows.

    Args:
        model: A variant's name, a `LatentModel`, or a Keras model from rows to rows.
        samples: Draws of the posterior for each row with gaps, of a model that has one.
        **training: `latent_dim`, `epochs`, `random_state` and the others of `TableEstimator`;
            entries may always be missing.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(60, 3))
        >>> rows[::4, 1] = np.nan
        >>> imputer = Imputer(epochs=2, random_state=0).fit(rows)
        >>> bool(np.isnan(imputer.transform(rows)).any())
        False
    """

    _gaps = True

    def __init__(
        self, model: Any = "missing_data_iwae", *, samples: int = 200, **training: Any
    ) -> None:
        super().__init__(model, **training)
        self.samples = samples

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not isinstance(self.samples, (int, np.integer)) or self.samples < 1:
            raise ValueError(
                f"`samples` must be a whole number above 0. Received: {self.samples!r}"
            )

    def _defaults(self) -> dict[str, Any]:
        return self._likelihood()

    def transform(self, X: Any) -> Any:
        """Return rows without gaps, as a table like X: each gap's mean given what is observed.

        Of a category it is the most probable one. Observed entries stay as they are.
        """
        return self._filled(X, None)[0]

    def impute(self, X: Any, imputations: int = 5) -> list[Any]:
        """Return the table several times, its gaps filled in by draws given what is observed.

        What is estimated from each is put together by `keras_ae.estimators.pooled`.

        Args:
            X: `(rows, columns)`.
            imputations: How often.

        Raises:
            ValueError: The model has no posterior to draw from.
        """
        return self._filled(X, imputations)

    def _filled(self, X: Any, imputations: int | None) -> list[Any]:
        numbers = self._read(X)
        x = self.scaling_.apply(numbers, self.schema_.number_names, stacklevel=5)
        gaps = np.isnan(numbers)
        rows = gaps.any(axis=1)
        tables = [numbers.copy() for _ in range(imputations or 1)]
        if rows.any():
            drawn = self.model_.impute(
                x[rows], self.samples, imputations=imputations, seed=self._fixed_seed()
            )
            for table, found in zip(tables, drawn if imputations else [drawn], strict=True):
                table[rows] = np.where(gaps[rows], self.scaling_.restore(found), table[rows])
        return [
            self.schema_.decode(table, like=reading.library_of(X), kept=~gaps) for table in tables
        ]

    def _fixed_seed(self) -> int:
        """Return the seed of draws, which are the same for the same rows."""
        given = self.random_state
        return int(given) if isinstance(given, (int, np.integer)) else 0
