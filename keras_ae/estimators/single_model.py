"""Estimators of one model, and what they have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from keras_ae.estimators import reading, training
from keras_ae.estimators.alike import Alike
from keras_ae.estimators.table_estimator import TableEstimator


class SingleModel(TableEstimator):
    """An estimator that trains one model; see `TableEstimator` for its parameters.

    Attributes:
        model_: The trained model, a `LatentModel` of scaled rows.
        history_: Losses by epoch.
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on a table.

        Args:
            X: `(rows, columns)`: a DataFrame of pandas or polars, or an array.
            y: Not used.
            sample_weight: `(rows,)`; rows of weight 0 are left out.

        Raises:
            TypeError: X is no table of numbers, booleans, categories and dates.
            ValueError: A parameter, a shape or an entry is wrong.
        """
        goes_on = self.warm_start and hasattr(self, "model_")
        x, weight = self._begin(X, sample_weight)
        trained, held = self._split(len(x))
        seed = self._seed()
        if not goes_on:
            self._use(self._made(seed, **self._defaults()))
        weight = None if weight is None else weight[trained]
        self.history_ = training.fitted(
            self.model_, self._with_others(x[trained]), x[held], self._plan(), seed, weight
        )
        self._trained(x, seed)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on with more rows: `epochs` passes over them, or one.

        The first call fixes columns and scaling.

        Args:
            X: `(rows, columns)`.
            y: Not used.
            sample_weight: `(rows,)`.
        """
        is_new = not hasattr(self, "model_")
        x, weight = self._begin(X, sample_weight, goes_on=not is_new)
        seed = self._seed()
        if is_new:
            self._use(self._made(seed, **self._defaults()))
        seen, plan = self._with_others(x), self._plan().once()
        self.history_ = training.fitted(self.model_, seen, x[:0], plan, seed, weight)
        self._trained(x, seed)
        return self

    def _defaults(self) -> dict[str, Any]:
        """Return options that a variant gets where it takes them."""
        return {}

    def _trained(self, x: np.ndarray, seed: int) -> None:
        """Do what comes after training on scaled rows; nothing by default."""

    def _use(self, model: Any) -> None:
        self.model_ = model
        self._encode = Alike(model, "encode_tensor")

    def _likelihood(self) -> dict[str, Any]:
        """Return the likelihood of the table's columns, where not all are numbers."""
        if self.schema_.scaled.all():
            return {}
        return {"likelihood": self.schema_.likelihood()}

    def _codes(self, x: np.ndarray) -> np.ndarray:
        return self._encode(x).reshape(len(x), -1)

    def _as_table(self, scaled: np.ndarray, X: Any) -> Any:
        """Return scaled rows as a table like X."""
        numbers = self.scaling_.restore(scaled)
        return self.schema_.decode(numbers, like=reading.library_of(X))

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray], list[Any]]:
        return {"history": self.history_}, {}, [self.model_]

    def _restore(
        self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray], models: list[Any]
    ) -> None:
        self.history_ = state["history"]
        self._use(models[0])
