"""Scores by name."""

from __future__ import annotations

from typing import Any

from keras_ae.estimators.scores.combined import Combined
from keras_ae.estimators.scores.likelihood import Bound, Likelihood
from keras_ae.estimators.scores.mahalanobis import Mahalanobis
from keras_ae.estimators.scores.neighbours import Neighbours
from keras_ae.estimators.scores.reconstruction import Reconstruction
from keras_ae.estimators.scores.score import Score
from keras_ae.naming import nearest

SCORES: dict[str, type[Score]] = {
    "combined": Combined,
    "reconstruction": Reconstruction,
    "likelihood": Likelihood,
    "elbo": Bound,
    "mahalanobis": Mahalanobis,
    "neighbours": Neighbours,
}
"""Name -> score; the first is the default."""


def get(name: Any) -> type[Score]:
    """Return the score of a name.

    Raises:
        ValueError: There is none.
    """
    if not isinstance(name, str) or name not in SCORES:
        raise ValueError(
            f"`score_method` must be one of {', '.join(SCORES)}. Received: {name!r}. "
            f"{nearest(str(name), SCORES)}"
        )
    return SCORES[name]
