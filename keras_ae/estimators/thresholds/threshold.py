"""From which anomaly score on a row is called an anomaly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np


class Threshold(ABC):
    """Finds the score that an anomaly exceeds, of scores of rows that no training has seen.

    Scores are higher where a row is more anomalous. A row is an anomaly if its score is larger
    than `value`, not if it is equal.
    """

    short: ClassVar[str]
    """Its name on a command line."""
    needs_labels: ClassVar[bool] = False

    @abstractmethod
    def value(self, scores: np.ndarray, is_anomaly: np.ndarray | None = None) -> float:
        """Return the threshold.

        Args:
            scores: `(rows,)`, finite.
            is_anomaly: `(rows,)` booleans, where labels are known; most rules do not look at them.

        Raises:
            ValueError: It cannot be found from these scores.
        """

    def __call__(self, scores: Any, is_anomaly: Any = None) -> float:
        """Return the threshold of checked scores; see `value`.

        Raises:
            ValueError: There are none, they are not finite, or too few for this rule.
        """
        scores = np.asarray(scores, "float64").ravel()
        if not len(scores) or not np.isfinite(scores).all():
            raise ValueError(
                "a threshold needs one score or more, each finite. "
                f"Received: {len(scores)}, of which {int((~np.isfinite(scores)).sum())} are not"
            )
        if is_anomaly is not None:
            is_anomaly = np.asarray(is_anomaly, "bool").ravel()
            if len(is_anomaly) != len(scores):
                raise ValueError(
                    "there must be one label for each score. "
                    f"Received: {len(is_anomaly)} labels, {len(scores)} scores"
                )
        return float(self.value(scores, is_anomaly))
