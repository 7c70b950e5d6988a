"""Random numbers of a process: a framework's own, and those that Keras seeds itself by."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import keras
import numpy as np


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let the framework's own state begin at a seed, and be afterwards what it was.

    Keras's dropout draws from it on torch, whatever seed the layer has; other backends draw from
    states of the layers.
    """
    if keras.backend.backend() != "torch":
        yield
        return
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Let what Keras draws from the process's states begin at a seed, and leave those as they were.

    Initialisers and layers with noise take their seeds from Python's state when they are made.
    """
    before, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        with seeded(seed):
            yield
    finally:
        random.setstate(before)
        np.random.set_state(of_numpy)  # noqa: NPY002
