"""Anomalies in tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import OutlierMixin

from keras_ae.estimators import scores, thresholds, training
from keras_ae.estimators.labels import anomalies
from keras_ae.estimators.reservoir import Reservoir
from keras_ae.estimators.scores import ScoredModel
from keras_ae.estimators.scoring import Scoring
from keras_ae.estimators.table_estimator import TableEstimator


class AnomalyDetector(Scoring, OutlierMixin, TableEstimator):
    """Finds rows of a table that are unlike those of training.

    A model learns to reconstruct rows; a score says how strange a row is by what the model makes of
    it; a threshold, found on rows that were held out of training, parts anomalies from the others
    and can be changed at any time.

    Args:
        model: A variant's name, a `LatentModel`, or a Keras model from rows to rows.
        score_method: "combined", the distance to the nearest other of up to 1,000 rows of
            training, in row and residual; "reconstruction", the residual's length;
            "likelihood" and "elbo", nats; "mahalanobis" and "neighbours", distances of codes.
        threshold: A rule of `keras_ae.estimators.thresholds`, or its name with a number, such as
            "quantile=0.99", "contamination=0.1", "fpr=0.01", "mad=3.5", "pot=0.001" or "f1".
        trim: Share of the rows that are left out of a second training, those of the highest score
            after a first one, for tables in which there are anomalies; in [0, 0.5).
        members: Models that are trained from seeds of their own, whose scores are averaged.
        **training: `latent_dim`, `epochs`, `missing`, `random_state` and the others of
            `TableEstimator`.

    Attributes:
        members_: The models with their scores.
        model_: The first of the models, a `LatentModel`.
        held_scores_: Scores of held-out rows, `(held,)`, ascending with their rows' places; of all
            rows of training where too few were held out.
        threshold_: The score that an anomaly exceeds.
        offset_: -threshold_, in scikit-learn's sign.
        schema_: The columns, a `TableSchema`.
        history_: Losses by epoch, of the first model.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(200, 3)).astype("float32")
        >>> detector = AnomalyDetector(epochs=5, random_state=0).fit(rows)
        >>> detector.predict(np.array([[0.0, 0.0, 0.0], [9.0, -9.0, 9.0]])).tolist()
        [1, -1]
    """

    members_: list[ScoredModel]

    def __init__(
        self,
        model: Any = "autoencoder",
        *,
        score_method: str = "combined",
        threshold: Any = "quantile=0.99",
        trim: float = 0.0,
        members: int = 1,
        **training: Any,
    ) -> None:
        super().__init__(model, **training)
        self.score_method = score_method
        self.threshold = threshold
        self.trim = trim
        self.members = members

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on a table.

        Args:
            X: `(rows, columns)`: a DataFrame of pandas or polars, or an array.
            y: Labels of anomalies, for the threshold "f1" alone; see `set_threshold`.
            sample_weight: `(rows,)`; rows of weight 0 are left out.

        Raises:
            TypeError: X is no table of numbers, booleans, categories and dates.
            ValueError: A parameter, a shape or an entry is wrong.
        """
        x, weight = self._begin(X, sample_weight)
        labels = self._labels(y, x, sample_weight)
        self._train(x, weight, labels)
        if self.trim:
            kept = self._kept(x)
            weight = None if weight is None else weight[kept]
            self._train(x[kept], weight, None if labels is None else labels[kept], again=True)
        return self

    def _check_parameters(self) -> None:
        super()._check_parameters()
        scores.get(self.score_method)
        thresholds.get(self.threshold)
        if not isinstance(self.members, (int, np.integer)) or self.members < 1:
            raise ValueError(
                f"`members` must be a whole number above 0. Received: {self.members!r}"
            )
        if not 0.0 <= self.trim < 0.5:
            raise ValueError(f"`trim` must be in [0, 0.5). Received: {self.trim!r}")

    def _labels(self, y: Any, x: np.ndarray, sample_weight: Any) -> np.ndarray | None:
        """Return labels of the rows that are trained on, for a rule that needs them."""
        needed = thresholds.get(self.threshold).needs_labels
        if needed and y is None:
            raise ValueError(
                f"`threshold={self.threshold!r}` needs labels. Received: y=None. Pass `y`, or take "
                "another rule and call `set_threshold('f1', X, y)` later"
            )
        if not needed:
            return None
        labels = anomalies(y)
        if sample_weight is not None:
            labels = labels[np.asarray(sample_weight) > 0]
        if len(labels) != len(x):
            raise ValueError(
                f"there must be one label for each row. Received: {len(labels)} for {len(x)} rows"
            )
        return labels

    def _train(
        self,
        x: np.ndarray,
        weight: np.ndarray | None,
        labels: np.ndarray | None,
        again: bool = False,
    ) -> None:
        """Train the members on scaled rows, and find the threshold on those that are held out."""
        trained, held = self._split(len(x))
        goes_on = self.warm_start and hasattr(self, "members_") and not again
        models: list[Any] = [None] * self.members
        if goes_on:
            models = [member.autoencoder for member in self.members_]
        weight = None if weight is None else weight[trained]
        made = [self._member(model, x[trained], x[held], weight) for model in models]
        self.members_ = [member for member, _ in made]
        self.history_ = made[0][1]
        self._seen, self._unseen = Reservoir(), Reservoir()
        self._seen.add(x[trained], self._seed())
        self._unseen.add(x[held], self._seed())
        measured = held if len(held) else trained
        self._held = x[measured]
        self._held_labels = None if labels is None else labels[measured]
        self._measure()

    def _member(
        self, model: Any, x: np.ndarray, held: np.ndarray, weight: np.ndarray | None
    ) -> tuple[ScoredModel, dict[str, list[float]]]:
        seed = self._seed()
        model = self._made(seed) if model is None else model
        seen = self._with_others(x)
        history = training.fitted(model, seen, held, self._plan(), seed, weight)
        kind, rng = scores.get(self.score_method), np.random.default_rng(seed)
        return ScoredModel.fitted(kind, model, x, rng, weight), history

    def _measure(self) -> None:
        self.held_scores_ = self._scores(self._held)
        rule = thresholds.get(self.threshold)
        if rule.needs_labels and self._held_labels is None and hasattr(self, "threshold_"):
            return  # as it was found on labelled rows
        self._set(rule, self.held_scores_, self._held_labels)

    def _kept(self, x: np.ndarray) -> np.ndarray:
        """Return places of the rows that are not trimmed."""
        found = self._scores(x)
        most = len(x) - round(self.trim * len(x))
        return np.sort(np.argsort(found, kind="stable")[: max(2, most)])

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on with more rows: `epochs` passes over them, or one.

        The first call fixes columns and scaling. Scores compare with a sample of all rows so far,
        and the threshold is found on a sample of those that were held out, 20,000 each; one that
        needs labels stays as it is.

        Args:
            X: `(rows, columns)`.
            y: Not used; labels are for `set_threshold`.
            sample_weight: `(rows,)`.
        """
        is_new = not hasattr(self, "members_")
        x, weight = self._begin(X, sample_weight, goes_on=not is_new)
        models: list[Any] = [None] * self.members
        if not is_new:
            models = [member.autoencoder for member in self.members_]
        if not hasattr(self, "_seen"):
            self._seen, self._unseen = Reservoir(), Reservoir()
        trained, held = self._split(len(x))
        self._seen.add(x[trained], self._seed())
        self._unseen.add(x[held], self._seed())
        plan = self._plan().once()
        found = []
        weight = None if weight is None else weight[trained]
        for model in models:
            seed = self._seed()
            model = self._made(seed) if model is None else model
            seen = self._with_others(x[trained])
            self.history_ = training.fitted(model, seen, x[:0], plan, seed, weight)
            rng = np.random.default_rng(seed)
            kind = scores.get(self.score_method)
            found.append(ScoredModel.fitted(kind, model, self._seen.rows, rng))
        self.members_ = found
        self._held = self._unseen.rows if len(self._unseen.rows) else self._seen.rows
        self._held_labels = None
        self._measure()
        return self

    # Persistence.

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray], list[Any]]:
        state = {
            "threshold": self.threshold_,
            "history": self.history_,
            "held_labels": None if self._held_labels is None else self._held_labels.tolist(),
        }
        return state, {"held": self._held, "held_scores": self.held_scores_}, self.members_

    def _restore(
        self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray], models: list[Any]
    ) -> None:
        labels = state["held_labels"]
        self._held, self.held_scores_ = arrays["held"], arrays["held_scores"]
        self._held_labels = None if labels is None else np.asarray(labels, "bool")
        self.members_, self.history_ = models, state["history"]
        self.threshold_ = state["threshold"]
        self.offset_ = -self.threshold_
