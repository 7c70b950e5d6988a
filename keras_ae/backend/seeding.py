"""Random numbers of a framework's own, which Keras's seeds do not reach."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras


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
