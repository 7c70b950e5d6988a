"""How many rows run at once, and how arrays are brought to those sizes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_ae.backend.compiled.plan import multiplications

BATCH_BYTES = 2**24
"""Most bytes of the widest layer's values for one batch."""

LEAST_ROWS, MOST_ROWS = 32, 2**14

SMALL = 2**23
"""Multiplications of a batch below which its dispatch costs more than its arithmetic."""


def rows_in(tree: Any) -> int:
    """Return the number of rows of an array or a dict of arrays."""
    return len(keras.tree.flatten(tree)[0])


def ample_rows(model: Any, inputs: Any, wanted: int) -> int:
    """Return a power of two of rows that keep the device busy and need little memory.

    Args:
        model: A built model.
        inputs: What its rows look like.
        wanted: Multiplications of a batch that keep the device busy.
    """
    shapes = [leaf.shape for leaf in keras.tree.flatten(inputs)]
    for layer in model._flatten_layers():
        shapes += [t.shape for t in keras.tree.flatten(getattr(layer, "output", []))]
    widths = [int(np.prod([n or 1 for n in shape[1:]])) for shape in shapes]
    width = max(*widths, *(getattr(layer, "numbers_held", 0) for layer in model._flatten_layers()))
    work = max(1, multiplications(model))
    rows = min(wanted // work, BATCH_BYTES // (4 * width), MOST_ROWS)
    return int(2 ** (max(LEAST_ROWS, rows).bit_length() - 1))


def is_small(model: Any, batch_size: int) -> bool:
    """Return whether several batches should run in one dispatch."""
    return multiplications(model) * batch_size < SMALL


def padded(tree: Any, rows: int) -> Any:
    """Return so many rows: the given ones, and the last of them again and again."""
    missing = rows - rows_in(tree)
    if missing == 0:
        return tree
    return keras.tree.map_structure(
        lambda a: np.concatenate([a, np.repeat(a[-1:], missing, axis=0)]), tree
    )


def compiled_size(rows: int, batch_size: int) -> int:
    """Return the size that at most `batch_size` rows are padded to: that, or a power of two."""
    return min(2 ** (rows - 1).bit_length(), batch_size)


def in_batches(tree: Any, batch_size: int) -> Any:
    """Return whole batches with an axis of their own, `(batches, batch_size, ...)`."""
    return keras.tree.map_structure(lambda a: a.reshape(-1, batch_size, *a.shape[1:]), tree)
