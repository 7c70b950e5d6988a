"""What a model of the command line is told of each row: its label."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_ae import datasets, registry
from keras_ae.cli.settings import Settings
from keras_ae.conditions import Condition, Label
from keras_ae.conditions.label import is_unknown


def condition_of(settings: Settings, data: datasets.Dataset) -> Label | None:
    """Return the condition of a model to train: the classes of the data's labels, or None.

    Raises:
        ValueError: The variant needs a condition and none was chosen, or the data have no labels
            that are classes.
    """
    if settings.condition is None:
        known = registry.describe(settings.variant).parameters
        if known.get("condition") is inspect.Parameter.empty:
            raise ValueError(
                f"{settings.variant} needs a condition. Received: no --condition. "
                "Pass --condition labels."
            )
        return None
    if data.y_train is None or data.y_test is None:
        raise _without_labels(data.origin)
    partial = bool(getattr(registry.variant_class(settings.variant), "infers_labels", False))
    labels = np.concatenate([data.y_train, data.y_test])
    if partial:
        labels = labels[[not is_unknown(label) for label in labels.tolist()]]
    classes = np.unique(labels)
    if classes.dtype.kind == "f" and not (classes % 1 == 0).all():
        raise ValueError(
            "labels that are a condition must be classes. "
            f"Received: {classes[classes % 1 != 0][0]} among the labels of {data.origin}"
        )
    names = classes.tolist()
    return Label(len(names), None if names == list(range(len(names))) else names, partial)


def told(condition: Condition | None, x: np.ndarray, labels: Any, origin: str = "the data") -> Any:
    """Return rows as a model takes them: with the numbers of their labels, where it takes such.

    Raises:
        ValueError: There are no labels, or one is of no class that the model knows.
    """
    if condition is None:
        return x
    if not isinstance(condition, Label):
        raise ValueError(
            "a condition on the command line must be the labels. "
            f"Received: a model with {type(condition).__name__}. Use it from Python."
        )
    if labels is None:
        raise _without_labels(origin)
    return {"x": x, "condition": condition.numbers_of(labels)}


def named(condition: Condition | None, word: str | None) -> Any:
    """Return the condition that a word of the command line names, None for none.

    Raises:
        ValueError: It names none, or one must be named.
    """
    if condition is None or not isinstance(condition, Label):
        return word if word is None else [float(number) for number in word.split(",")]
    classes = condition.names or list(range(condition.categories))
    for number, name in enumerate(classes):
        if word is not None and is_named(name, word):
            return number
    raise ValueError(f"`--condition` must be one of {classes}. Received: --condition {word}")


def is_named(known: Any, word: str) -> bool:
    """Return whether a word means a class, which may be a number."""
    if isinstance(known, str):
        return known == word
    try:
        return float(word) == float(known)  # 1, where a table's column of labels has 1.0
    except ValueError:
        return False


def examples(rows: Any) -> np.ndarray:
    """Return the examples of rows with or without conditions."""
    return np.asarray(rows["x"] if isinstance(rows, Mapping) else rows)


def taken(rows: Any, which: Any) -> Any:
    """Return some of the rows, with their conditions."""
    if isinstance(rows, Mapping):
        return {key: array[which] for key, array in rows.items()}
    return rows[which]


def _without_labels(origin: str) -> ValueError:
    return ValueError(
        f"a model whose condition is the labels needs data with labels. Received: {origin} "
        "without. A table's column of labels is named by --label-column."
    )
