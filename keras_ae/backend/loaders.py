"""Batches of PyTorch's DataLoader in the form that Keras takes on every backend."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any


def in_tuples(data: Any) -> Any:
    """Return a DataLoader whose batches are tuples; anything else as it is.

    Keras's adapters for JAX and TensorFlow iterate over a batch, so that a bare tensor falls apart
    into its rows and a dict into its keys.
    """
    if not any(cls.__module__.startswith("torch.utils.data") for cls in type(data).__mro__):
        return data
    if not hasattr(data, "collate_fn"):
        return data
    loader = copy.copy(data)
    loader.collate_fn = functools.partial(_collate, data.collate_fn)
    return loader


def _collate(collate: Callable[[Any], Any], rows: Any) -> Any:
    batch = collate(rows)
    return batch if isinstance(batch, (tuple, list)) else (batch,)
