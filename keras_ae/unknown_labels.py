"""Rows whose label nobody knows, measured under each label that they may have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from scipy.special import logsumexp, xlogy

Measure = Callable[[Any], np.ndarray]


def are_there(model: Any, x: Any) -> bool:
    """Return whether a model that learns to classify is given rows without a label."""
    return model.classifier is not None and bool((np.asarray(x["condition"]) < 0).any())


def refuse(what: str, model: Any, x: Any) -> None:
    """Refuse rows without a label.

    Raises:
        ValueError: A model that learns to classify is given some.
    """
    if are_there(model, x):
        raise ValueError(
            f"{what} needs rows whose labels are known. Received: some without. Leave those out."
        )


def log_prob(model: Any, x: Any, measure: Measure) -> np.ndarray:
    """Return log sum_y p(y) p(x | y) where the label y is unknown, and log p(x | y) elsewhere.

    All labels are as likely. Estimates of p(x | y) that are right on average give one of p(x).

    Args:
        model: One that learns to classify, if a label is unknown.
        x: Checked rows.
        measure: Rows with labels -> log p(x | y) or a bound on it, `(rows,)`.
    """
    if not are_there(model, x):
        return measure(x)
    known, found = _under_each(model, x, measure)
    return np.where(known, found[0], logsumexp(found, axis=0) - np.log(len(found)))


def elbo(model: Any, x: Any, measure: Measure) -> np.ndarray:
    """Return sum_y q(y | x) (ELBO(x, y) + log p(y) - log q(y | x)) where y is unknown.

    Args:
        model: One that learns to classify, if a label is unknown.
        x: Checked rows.
        measure: Rows with labels -> the evidence lower bound on log p(x | y), `(rows,)`.

    Reference:
        Kingma et al. (2014), https://arxiv.org/abs/1406.5298, equation 7.
    """
    if not are_there(model, x):
        return measure(x)
    known, found = _under_each(model, x, measure)
    q = np.asarray(model.class_probabilities(x), "float64").T
    q = np.where(known, np.arange(len(q))[:, None] == 0, q)
    mixed = (q * found - xlogy(q, q)).sum(0)
    return np.where(known, mixed, mixed - np.log(len(found)))


def _under_each(model: Any, x: Mapping[str, Any], measure: Measure) -> tuple[Any, np.ndarray]:
    """Return which labels are known, and what is measured under each label, `(classes, rows)`.

    Rows with a known label have what is measured under that one, whatever the label.
    """
    labels = np.asarray(x["condition"])
    known = labels >= 0
    found = np.empty((model.condition.categories, len(labels)), "float64")
    if known.any():
        found[:, known] = measure(keras.tree.map_structure(lambda a: a[known], x))
    rows = keras.tree.map_structure(lambda a: a[~known], x)
    for label in range(len(found)):
        told = np.full(len(rows["condition"]), label, labels.dtype)
        found[label, ~known] = measure({**rows, "condition": told})
    return known, found
