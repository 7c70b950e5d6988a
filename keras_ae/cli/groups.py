"""Rows that are groups of examples, for variants that train on such."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from keras_ae import datasets, registry
from keras_ae.cli.conditions import examples
from keras_ae.cli.settings import Settings
from keras_ae.grouping import members_of_arrays


def group_size_of(settings: Settings) -> int | None:
    """Return how many examples a row of the training data has; None where rows are examples."""
    default = registry.variant_class(settings.variant).group_size
    return None if default is None else settings.hyper_parameters.get("group_size", default)


def event_shape_of(data: datasets.Dataset, size: int | None) -> tuple[int, ...]:
    """Return the shape of one example.

    Raises:
        ValueError: Rows should be groups, and are not, or not of this size.
    """
    shape = data.event_shape
    if size is None:
        return shape
    if len(shape) < 2 or shape[0] != size:
        raise ValueError(
            f"this variant trains on groups, rows of the shape ({size}, ...). "
            f"Received: {data.origin} with rows of the shape {shape}. Write an .npy file of them."
        )
    return shape[1:]


def as_examples(
    data: datasets.Dataset, parts: dict[str, Any], size: int | None
) -> tuple[datasets.Dataset, dict[str, Any]]:
    """Return data and their parts with the members of groups as rows, to be measured."""
    if size is None:
        return data, parts
    labels = [y if y is None else np.repeat(y, size) for y in (data.y_train, data.y_test)]
    alone = {name: members_of_arrays(examples(part), size) for name, part in parts.items()}
    flat = [x.reshape(-1, *x.shape[2:]) for x in (data.x_train, data.x_test)]
    measured = dataclasses.replace(
        data, x_train=flat[0], x_test=flat[1], y_train=labels[0], y_test=labels[1]
    )
    return measured, alone
