"""What is told of rows: conditions that must be there, and be right."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_ae import arrays
from keras_ae.conditions import Condition
from keras_ae.typing import Tensor


def embedded(values: Tensor | None, condition: Condition | None) -> Tensor | None:
    """Return a batch's conditions as vectors `(batch, size)`, None of a model that takes none.

    Raises:
        ValueError: They are lacking, too many, or of another shape.
    """
    check_given(values, condition)
    if condition is None:
        return None
    arrays.check_shape("condition", values, condition.shape)
    return condition.embed(values)


def check_given(values: Any, condition: Condition | None) -> None:
    """Refuse conditions of a model that takes none, and rows without where it takes one.

    Raises:
        ValueError: As said.
    """
    if values is None and condition is not None:
        raise ValueError(
            f"`condition` must be given to a model with one, {described(condition)}. "
            "Received: none. Give rows as {'x': x, 'condition': ...}, codes and samples with "
            "`condition=`."
        )
    if values is not None and condition is None:
        raise ValueError(
            "`condition` must be left out of a model that takes none. Received: one. "
            "Make the model with `condition=`."
        )


def described(condition: Condition) -> str:
    """Return a condition in words, for messages."""
    options = ", ".join(f"{name}={value!r}" for name, value in condition.arguments.items())
    return f"{type(condition).__name__}({options})"


def check_condition(values: Any, condition: Condition | None) -> None:
    """Refuse an array of conditions that a model does not take.

    Raises:
        ValueError: They are lacking or too many, of another shape, or a value is impossible.
    """
    check_given(values, condition)
    if condition is not None:
        arrays.check_entries("condition", values, condition.shape, None)
        condition.check_values(values)


def conditions_of(values: Any, condition: Condition | None, rows: int) -> np.ndarray | None:
    """Return checked conditions of so many codes, of which one may be given for all.

    Raises:
        TypeError: They are not numbers.
        ValueError: They are lacking or too many, of another shape, or a value is impossible.
    """
    check_given(values, condition)
    if condition is None:
        return None
    found = arrays.as_numbers("condition", values)
    if found.shape == condition.shape:
        found = np.repeat(found[None], rows, axis=0)
    if found.shape[:1] != (rows,):
        raise ValueError(
            f"`condition` must be one, or one for each of {rows} examples. "
            f"Received: shape {found.shape}, where one has the shape {condition.shape}"
        )
    check_condition(found, condition)
    if condition.partial and (found < 0).any():
        raise ValueError(
            "codes are decoded with a label that is known. Received: -1 at "
            f"{int(np.flatnonzero(found < 0)[0])}. Take the likeliest, by `class_probabilities`."
        )
    return found
