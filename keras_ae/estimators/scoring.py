"""What a fitted detector says of rows: scores, calls, probabilities, reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import scipy.special
from sklearn.utils.validation import check_is_fitted

from keras_ae.estimators import explanations, thresholds
from keras_ae.estimators.labels import anomalies
from keras_ae.estimators.scores import ScoredModel


class Scoring:
    """The half of a detector that scores rows, and parts them by a threshold."""

    members_: list[ScoredModel]
    held_scores_: np.ndarray
    _held: np.ndarray
    _held_labels: np.ndarray | None
    threshold: Any
    _scaled: Any

    @property
    def model_(self) -> Any:
        """The first of the models."""
        check_is_fitted(self)
        return self.members_[0].autoencoder

    def _scores(self, x: np.ndarray, original: np.ndarray | None = None) -> np.ndarray:
        """Return scores of scaled rows, the mean over members; see `ScoredModel.scores`."""
        return np.mean([member.scores(x, original) for member in self.members_], axis=0)

    def anomaly_score(self, X: Any) -> np.ndarray:
        """Return how strange rows are, `(rows,)`, higher is stranger, in the score's own unit."""
        return self._scores(self._scaled(X))

    def score_samples(self, X: Any) -> np.ndarray:
        """Return -`anomaly_score`, as scikit-learn has it: lower is stranger."""
        return -self.anomaly_score(X)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return `score_samples` less `offset_`, negative for anomalies."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return -1 for anomalies and 1 for others, `(rows,)`."""
        return np.where(self.decision_function(X) < 0.0, -1, 1)

    def predict_label(self, X: Any) -> np.ndarray:
        """Return 1 for anomalies and 0 for others, `(rows,)`."""
        return (self.predict(X) < 0).astype("int64")

    def p_value(self, X: Any) -> np.ndarray:
        """Return how probable so high a score is of a normal row, `(rows,)`.

        (1 + held-out rows of a score as high) / (1 + held-out rows): valid whatever the
        distribution, if held-out rows are normal.

        Reference:
            Bates et al. (2023), https://arxiv.org/abs/2104.08279, equation 2.
        """
        return self.p_value_of(self.anomaly_score(X))

    def p_value_of(self, found: np.ndarray) -> np.ndarray:
        """Return the same of scores `(rows,)`."""
        held = np.sort(self.held_scores_)
        as_high = len(held) - np.searchsorted(held, found, side="left")
        return (1.0 + as_high) / (1.0 + len(held))

    def probability(self, X: Any) -> np.ndarray:
        """Return scores as numbers in [0, 1], `(rows,)`: 0 up to the mean of held-out rows.

        max(0, erf((s - mean) / (deviation sqrt(2)))), comparable between detectors.

        Reference:
            Kriegel et al. (2011), https://doi.org/10.1137/1.9781611972818.2, section 3.3.
        """
        held = self.held_scores_
        spread = held.std() or np.finfo("float64").tiny
        away = (self.anomaly_score(X) - held.mean()) / (spread * np.sqrt(2.0))
        return np.asarray(np.maximum(0.0, scipy.special.erf(away)))

    def confidence(self, X: Any) -> np.ndarray:
        """Return the share of members that call a row what `predict` calls it, `(rows,)`.

        Each member has a threshold of its own by the same rule; see `members`.
        """
        x = self._scaled(X)
        rule, held = thresholds.get(self.threshold), self._held_by_member()
        each = np.stack([member.scores(x) for member in self.members_])
        own = np.array([rule(found, self._held_labels) for found in held])
        called = each.mean(axis=0) > self.threshold_
        return np.asarray(((each > own[:, None]) == called).mean(axis=0))

    def _held_by_member(self) -> list[np.ndarray]:
        return [member.scores(self._held) for member in self.members_]

    # Thresholds.

    def set_threshold(self, threshold: Any, X: Any = None, y: Any = None) -> Self:
        """Find another threshold, without training.

        Args:
            threshold: A rule, its name with a number, or a score itself, until the next `fit`.
            X: Rows to find it on; those held out of training when None.
            y: Their labels, for "f1": booleans or 1 for anomalies, or scikit-learn's -1.

        Raises:
            ValueError: It cannot be found from these rows.
        """
        check_is_fitted(self)
        if isinstance(threshold, (int, float)) and not isinstance(threshold, bool):
            self.threshold_ = float(threshold)
            self.offset_ = -self.threshold_
            return self
        found = self.held_scores_ if X is None else self.anomaly_score(X)
        self._set(thresholds.get(threshold), found, None if y is None else anomalies(y))
        self.threshold = threshold
        return self

    def _set(self, rule: Any, found: np.ndarray, labels: np.ndarray | None) -> None:
        self.threshold_ = rule(found, labels)
        self.offset_ = -self.threshold_

    # Reasons.

    def explain(self, X: Any, rows: Sequence[int] | None = None) -> Any:
        """Return why rows are strange, a pandas DataFrame of a line for each row and column.

        Its columns are `row`, the place in X; `feature`; `value`; `expected`, the model's
        reconstruction as an entry of the column; and `contribution`, by how much the score falls
        where the value is replaced by the expected one, 0 where it is missing. Within a row the
        largest come first.

        Args:
            X: `(rows, columns)`.
            rows: Places of the rows to explain; those that `predict` calls anomalies when None.
        """
        return explanations.explain(self, X, rows)
