"""Rows that are groups of examples: `(rows, group_size, *event_shape)`, for models that take such.

A batch of groups becomes a batch of examples, the members of a group one after another.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from keras_ae.typing import Shape, Tensor


def are_groups(x: Any, event_shape: Shape, group_size: int | None) -> bool:
    """Return whether rows are groups, by their rank."""
    return group_size is not None and len(x.shape) == len(event_shape) + 2


def shape_of_rows(x: Any, event_shape: Shape, group_size: int | None) -> Shape:
    """Return the shape that a row of x must have: of an example, or of a group of them."""
    if group_size is not None and are_groups(x, event_shape, group_size):
        return (group_size, *event_shape)
    return event_shape


def check_groups(model: Any, x: Any) -> None:
    """Refuse to train a model of groups on examples that stand alone.

    Raises:
        ValueError: As said.
    """
    if model.group_size is not None and not are_groups(x, model.event_shape, model.group_size):
        shape = (model.group_size, *model.event_shape)
        raise ValueError(
            f"`{model.variant}` trains on groups of examples, rows of the shape {shape}. "
            f"Received: shape {tuple(x.shape)}. Stack them: np.stack([first, second], axis=1)."
        )


def members(groups: Tensor | None) -> Tensor | None:
    """Return the members of all groups, `(rows * group_size, ...)`; None as it is."""
    return None if groups is None else ops.reshape(groups, (-1, *groups.shape[2:]))


def members_of_arrays(groups: np.ndarray | None, group_size: int | None) -> np.ndarray | None:
    """Return the same of a NumPy array of conditions.

    Raises:
        ValueError: Not every member has one.
    """
    if groups is None:
        return None
    if groups.ndim < 2 or groups.shape[1] != group_size:
        raise ValueError(
            f"`condition` must be one for each of the {group_size} members of a group, "
            f"(rows, {group_size}, ...). Received: shape {groups.shape}."
        )
    return groups.reshape(-1, *groups.shape[2:])
