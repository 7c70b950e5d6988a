"""Clusters of tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.cluster import KMeans

from keras_ae.estimators import training
from keras_ae.estimators.alike import Alike
from keras_ae.estimators.single_model import SingleModel
from keras_ae.latent_model import LatentModel
from keras_ae.parts import checked_size

STARTS = 20
"""Runs of k-means, of which the best is taken."""
PRETRAINING = 4
"""Times as many epochs as the model's own train the autoencoder that clusters start from."""


class Clusterer(ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin, SingleModel):
    """Divides the rows of a table into clusters, and knows those of new rows.

    Variants with clusters of their own learn codes and clusters together: "dec", "idec", "dcn",
    "vade" and "mixture_vae". Of every other model k-means divides the codes once it is trained.

    Args:
        n_clusters: Number of clusters.
        model: A variant's name, whose codes are as long as there are clusters, or half as long as
            a row if that is less; a `LatentModel` of as many clusters, or a Keras model from rows
            to rows.
        validation_fraction: Share of the rows that are held out, for early stopping by a loss that
            need not fall as clusters become better; none by default.
        **training: `latent_dim`, `epochs`, `missing`, `random_state` and the others of
            `TableEstimator`.

    Attributes:
        labels_: The cluster of each row of the last `fit`, from 0 on.
        centres_: Of k-means, `(clusters, numbers of a code)`; None of a model with its own.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> rows = np.concatenate([rng.normal(-4, 1, (50, 3)), rng.normal(4, 1, (50, 3))])
        >>> labels = Clusterer(2, epochs=2, random_state=0).fit_predict(rows)
        >>> bool(labels[0] != labels[-1])
        True
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        model: Any = "idec",
        validation_fraction: float = 0.0,
        **training: Any,
    ) -> None:
        super().__init__(model, validation_fraction=validation_fraction, **training)
        self.n_clusters = n_clusters

    def _check_parameters(self) -> None:
        super()._check_parameters()
        checked_size("n_clusters", self.n_clusters)

    def _begin(self, *given: Any, **options: Any) -> tuple[np.ndarray, np.ndarray | None]:
        x, weight = super()._begin(*given, **options)
        if len(x) < self.n_clusters and not hasattr(self, "model_"):
            raise ValueError(
                f"n_samples={len(x)} should be >= n_clusters={self.n_clusters}. Ask for fewer "
                "clusters, or pass more rows"
            )
        return x, weight

    def _defaults(self) -> dict[str, Any]:
        if isinstance(self.model, LatentModel):  # which has its own
            return self._likelihood()
        rows = self.report_["rows"]
        epochs = self.epochs or training.epochs_of(rows, training.batch_size(rows))
        length = training.code_size(self.schema_.width)
        return {
            "latent_dim": min(length, max(2, self.n_clusters)),
            "clusters": self.n_clusters,
            "components": self.n_clusters,
            "pretrain_epochs": PRETRAINING * epochs,
            **self._likelihood(),
        }

    def _use(self, model: Any) -> None:
        super()._use(model)
        if model.clusters not in (None, self.n_clusters):
            raise ValueError(
                f"`model` must have n_clusters={self.n_clusters} clusters. Received: a model of "
                f"{model.clusters}"
            )
        self._shares = Alike(model, "responsibilities_tensor")
        self.centres_: np.ndarray | None = None

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on a table, and find the cluster of each of its rows.

        Args:
            X: `(rows, columns)`: a DataFrame of pandas or polars, or an array.
            y: Not used.
            sample_weight: `(rows,)`; rows of weight 0 have labels and no say in them.

        Raises:
            TypeError: X is no table of numbers, booleans, categories and dates.
            ValueError: A parameter, a shape or an entry is wrong.
        """
        super().fit(X, y, sample_weight)
        if sample_weight is not None:  # of which those of no weight were left out
            every_row = self.scaling_.apply(self._read(X))
            self.labels_ = self._probabilities(every_row).argmax(axis=1)
        return self

    def _trained(self, x: np.ndarray, seed: int) -> None:
        if self.model_.clusters is None:
            found = KMeans(self.n_clusters, n_init=STARTS, random_state=seed).fit(self._codes(x))
            self.centres_ = found.cluster_centers_
        self.labels_ = self._probabilities(x).argmax(axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """Return the clusters of rows, `(rows,)`, from 0 on; of each row alone."""
        return self.predict_proba(X).argmax(axis=1)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the shares of clusters in rows, `(rows, clusters)`, which sum to 1.

        They are the model's own, see `LatentModel.responsibilities`; of centres of k-means those of
        Student's t in codes, as `dec` has them.
        """
        return self._probabilities(self._scaled(X))

    def _probabilities(self, x: np.ndarray) -> np.ndarray:
        if self.centres_ is None:
            return np.asarray(self._shares(x), "float64")
        apart = self._codes(x).astype("float64")[:, None] - self.centres_
        kernel = 1.0 / (1.0 + np.square(apart).sum(axis=-1))
        return np.asarray(kernel / kernel.sum(axis=1, keepdims=True))

    @property
    def _n_features_out(self) -> int:
        return int(np.prod(self.model_.latent_shape))

    def transform(self, X: Any) -> np.ndarray:
        """Return codes `(rows, numbers)`, float64, in which the clusters are."""
        return np.asarray(self._codes(self._scaled(X)), "float64")

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray], list[Any]]:
        state, arrays, models = super()._state()
        arrays = {**arrays, "labels": self.labels_}
        if self.centres_ is not None:
            arrays["centres"] = self.centres_
        return state, arrays, models

    def _restore(
        self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray], models: list[Any]
    ) -> None:
        self.n_clusters = models[0].clusters or len(arrays["centres"])
        super()._restore(state, arrays, models)
        self.labels_, self.centres_ = arrays["labels"], arrays.get("centres")
