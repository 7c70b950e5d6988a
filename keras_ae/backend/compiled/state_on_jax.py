"""What a training on JAX holds: the state that Keras's trainer carries, and the data."""

from __future__ import annotations

import itertools
import mmap
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np

LARGE = 2**24
"""Bytes of an array from which on several threads copy it."""

THREADS = 4


def groups(model: Any, trains: bool = True) -> list[list[Any]]:
    """Return the variables of a training's state in its order, or of an evaluation's."""
    return [
        model.trainable_variables,
        model.non_trainable_variables,
        *([model.optimizer.variables] if trains else []),
        model.metrics_variables,
    ]


def scope(model: Any, state: Any) -> keras.StatelessScope:
    """Return where a model's variables have the values of a state."""
    of_state = groups(model, trains=len(state) == 4)
    values = zip(itertools.chain(*of_state), itertools.chain(*state), strict=True)
    return keras.StatelessScope(state_mapping=list(values))


def values_in(inner: keras.StatelessScope, model: Any, trains: bool = True) -> Any:
    """Return the state of the values that a model's variables have in a scope."""
    return tuple([*map(inner.get_current_value, group)] for group in groups(model, trains))


def resident(array: Any) -> Any:
    """Return an array on the device; of a CPU's, one that may share its memory.

    JAX takes memory that begins at a multiple of 64 bytes as it is, and copies any other once, in
    one thread; `jax.numpy.asarray` would copy twice.
    """
    import jax

    is_large = isinstance(array, np.ndarray) and array.nbytes >= LARGE
    if is_large and jax.default_backend() == "cpu" and array.ctypes.data % 64:
        array = _aligned(array)
    return jax.device_put(array)


def _aligned(array: np.ndarray) -> np.ndarray:
    """Return a copy in pages of its own; most of the time goes into getting them, side by side."""
    pages = mmap.mmap(-1, array.nbytes, access=mmap.ACCESS_COPY)
    copy = np.frombuffer(pages, array.dtype).reshape(array.shape)
    bounds = np.linspace(0, len(array), THREADS + 1).astype(int)
    with ThreadPoolExecutor(THREADS) as threads:
        parts = [slice(*ends) for ends in itertools.pairwise(bounds)]
        list(threads.map(lambda part: np.copyto(copy[part], array[part]), parts))
    return copy
