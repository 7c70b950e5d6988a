"""What all estimators of tables share: parameters, reading of tables, training of a model."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from keras_ae.estimators import reading, training
from keras_ae.estimators.columns import Category
from keras_ae.estimators.scaling import Scaling
from keras_ae.estimators.training import Plan

LARGEST_SEED = 2**31 - 1
OTHERS = 0.01
"""Share of a column's categories that are "other" in training."""


class TableEstimator(BaseEstimator):
    """An estimator that trains a model on the rows of a table.

    Args:
        model: A variant's name, a `LatentModel`, or a Keras model from rows to rows.
        latent_dim: Numbers of a code; by the columns when None.
        model_options: Of the variant, beside those here: `hidden`, `activation` and so on.
        epochs: Passes over the rows, at most; by their number when None.
        batch_size: Rows of a step, at most; 256, or fewer where there are fewer, when None.
        learning_rate: Of Adam.
        validation_fraction: Share of the rows that are held out, for early stopping and what is
            measured after it; 0 for none.
        patience: Epochs without a better loss of the held-out rows after which training stops, with
            the best weights; None for never.
        missing: "mask" where NaN, None and null stand for missing entries, which are then left out
            of the loss; None where there must be none.
        kinds: Column -> "number", "boolean", "category" or "date", where its dtype says otherwise.
        warm_start: Whether `fit` goes on with the model that is there, and its scaling.
        callbacks: Keras callbacks, for each training.
        random_state: Seed of everything that is drawn.
        verbose: 0 for silence, 1 for a progress bar, 2 for a line each epoch.

    Attributes:
        schema_: The columns, a `TableSchema`.
        scaling_: Their units.
        report_: Of the rows of training: how many, how many distinct, and the missing entries.
    """

    _gaps = False

    def __init__(
        self,
        model: Any = "autoencoder",
        *,
        latent_dim: int | None = None,
        model_options: Mapping[str, Any] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 3e-3,
        validation_fraction: float = 0.1,
        patience: int | None = 10,
        missing: str | None = None,
        kinds: Mapping[str, str] | None = None,
        warm_start: bool = False,
        callbacks: Sequence[Any] | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.latent_dim = latent_dim
        self.model_options = model_options
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.missing = missing
        self.kinds = kinds
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def __init_subclass__(cls, **options: Any) -> None:
        """Show scikit-learn the parameters that a constructor passes on as `**training`."""
        super().__init_subclass__(**options)
        own = inspect.signature(cls.__init__)
        named = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
        if len(named) == len(own.parameters):
            return
        shared = inspect.signature(TableEstimator.__init__).parameters.values()
        known = {p.name for p in named}
        passed_on = [p for p in shared if p.name not in known and p.kind is p.KEYWORD_ONLY]
        cls.__init__.__signature__ = own.replace(  # type: ignore[attr-defined]
            parameters=[*named, *passed_on]
        )

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn should know of this estimator."""
        tags = super().__sklearn_tags__()
        tags.non_deterministic = False
        tags.input_tags.allow_nan = self._takes_gaps
        return tags

    @property
    def _takes_gaps(self) -> bool:
        return self._gaps or self.missing == "mask"

    # Reading.

    def _read_new(self, X: Any) -> np.ndarray:
        """Return a table of training as numbers, and keep its schema."""
        self._check_parameters()
        numbers, self.schema_ = reading.read(
            self, X, None, self.kinds, gaps=self._takes_gaps, least=2
        )
        return numbers

    def _read(self, X: Any) -> np.ndarray:
        """Return a table of the columns of training as numbers."""
        check_is_fitted(self)
        return reading.read(self, X, self.schema_, gaps=self._takes_gaps)[0]

    def _scaled(self, X: Any) -> np.ndarray:
        """Return a table of the columns of training in units of the network, float32."""
        numbers = self._read(X)
        return self.scaling_.apply(numbers, self.schema_.number_names, stacklevel=5)

    def _check_parameters(self) -> None:
        """Refuse parameters that cannot be.

        Raises:
            ValueError: As said.
        """
        if self.missing not in (None, "mask"):
            raise ValueError(f"`missing` must be None or 'mask'. Received: {self.missing!r}")
        for name in ("epochs", "batch_size", "latent_dim", "patience"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, (int, np.integer)) or value < 1):
                raise ValueError(f"`{name}` must be a whole number above 0. Received: {value!r}")
        if not 0.0 <= self.validation_fraction < 1.0:
            raise ValueError(
                f"`validation_fraction` must be in [0, 1). Received: {self.validation_fraction!r}"
            )
        if not self.learning_rate > 0.0:
            raise ValueError(f"`learning_rate` must be above 0. Received: {self.learning_rate!r}")

    # Persistence.

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write what was fitted to one file, "NAME.estimator", for `keras_ae.estimators.load`.

        Raises:
            NotFittedError: There is nothing to write.
            OSError: The file cannot be written.
        """
        from keras_ae.estimators import archive

        return archive.save(self, path)

    def export(self, filepath: str | os.PathLike[str], **options: Any) -> Any:
        """Write a SavedModel that takes the table's own columns; see `keras_ae.export`.

        Args:
            filepath: The folder to make.
            **options: `labels`, `progress`.

        Raises:
            ValueError: This kind of estimator has no function to serve, or the folder exists.
        """
        from keras_ae import exporting

        return exporting.export(self, filepath, **options)

    # Training.

    def _begin(
        self, X: Any, sample_weight: Any = None, goes_on: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return a table of training in units of the network, and the weights of its rows.

        Rows of weight 0 are left out. Schema and scaling are new, but for a warm start.
        """
        is_new = not ((self.warm_start or goes_on) and hasattr(self, "scaling_"))
        if is_new or not hasattr(self, "_rng"):
            self._rng = check_random_state(self.random_state)
        numbers = self._read_new(X) if is_new else self._read(X)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, numbers, dtype="float64", ensure_non_negative=True
            )
            kept = sample_weight > 0
            if kept.sum() < 2:
                raise ValueError(
                    f"two rows or more must have a weight above 0. Received: {int(kept.sum())}"
                )
            numbers, sample_weight = numbers[kept], sample_weight[kept]
        if is_new:
            self.scaling_ = Scaling.of(
                numbers, self.schema_.scaled, sample_weight, self.schema_.number_names
            )
        rows = self.scaling_.apply(numbers, self.schema_.number_names, stacklevel=5)
        self.report_ = {
            "rows": len(rows),
            "distinct_rows": int((~pd.DataFrame(rows).duplicated()).sum()),
            "missing_entries": int(np.isnan(numbers).sum()),
        }
        return rows, sample_weight

    def _with_others(self, x: np.ndarray) -> np.ndarray:
        """Return rows in which some categories, by chance, are "other", for a network to know it.

        Without them it had never seen the number that stands for a category of later.
        """
        if not any(isinstance(column, Category) for column in self.schema_.columns):
            return x
        rng, x = np.random.default_rng(self._seed()), x.copy()
        for column, part in zip(self.schema_.columns, self.schema_.slices, strict=True):
            if isinstance(column, Category):
                chosen = (rng.random(len(x)) < OTHERS) & ~np.isnan(x[:, part.start])
                x[chosen, part] = np.eye(column.width, dtype="float32")[-1]
        return x

    def _seed(self) -> int:
        return int(self._rng.randint(LARGEST_SEED))

    def _plan(self) -> Plan:
        return Plan(
            self.epochs,
            self.batch_size,
            self.learning_rate,
            self.validation_fraction,
            self.patience,
            self.callbacks or (),
            self.verbose,
        )

    def _made(self, seed: int, **defaults: Any) -> Any:
        """Return a new model of the table's rows."""
        options = dict(self.model_options or {})
        if self.latent_dim is not None:
            options["latent_dim"] = self.latent_dim
            if self.latent_dim >= self.schema_.width:
                warnings.warn(
                    f"a code of {self.latent_dim} numbers can repeat rows of {self.schema_.width}, "
                    "and then nothing is learned of them. Take a shorter one",
                    stacklevel=5,
                )
        if self._takes_gaps:
            defaults["missing"] = "mask"
        return training.made(self.model, self.schema_.width, options, seed, **defaults)

    def _split(self, rows: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(self._seed())
        return training.split(rows, self.validation_fraction, rng, self.batch_size)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether a model has been trained, or loaded."""
        return hasattr(self, "scaling_")
