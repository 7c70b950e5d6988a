"""Models that are trained on the codes of another."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_ae.backend import seeding
from keras_ae.batches import ArrayBatches

PATIENCE = 10
"""Epochs after which a training ends whose held-out codes have not become more likely."""


class Standardised(NamedTuple):
    """Codes of mean 0 and standard deviation 1.

    Args:
        rows: The codes as vectors `(rows, size)`, float32.
        shift: What was taken off, `(size,)`.
        scale: What they were divided by, `(size,)`.
    """

    rows: np.ndarray
    shift: np.ndarray
    scale: np.ndarray


def standardised(codes: np.ndarray) -> Standardised:
    """Return codes `(rows, *latent_shape)` in units of their own standard deviations.

    Raises:
        ValueError: There are not two.
    """
    if len(codes) < 2:
        raise ValueError(
            "a model of codes needs at least 2 rows, to train on and to hold out. "
            f"Received: {len(codes)}"
        )
    flat = np.asarray(codes, "float32").reshape(len(codes), -1)
    shift, scale = flat.mean(axis=0), np.maximum(flat.std(axis=0), 1e-6)
    return Standardised((flat - shift) / scale, shift, scale)


def fit(model: Any, rows: np.ndarray, epochs: int, batch_size: int, seed: int) -> None:
    """Train a compiled model on rows of which a tenth is held out, and keep its best weights.

    Args:
        model: A compiled model.
        rows: At least 2.
        epochs: Passes at most; training ends early when the held-out rows have not become more
            likely for `PATIENCE`.
        batch_size: Rows of a step at most.
        seed: Of what is held out, and of the order of the others.
    """
    rows = rows[np.random.default_rng(seed).permutation(len(rows))]
    held = max(1, len(rows) // 10)
    size = min(batch_size, len(rows) - held)
    batches = ArrayBatches(rows[held:], batch_size=size, seed=seed)
    epoch_of = keras.callbacks.LambdaCallback(on_epoch_begin=lambda e, _: batches.start_epoch(e))
    stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    model.fit(
        batches,
        validation_data=(rows[:held],),
        validation_batch_size=size,
        epochs=epochs,
        shuffle=False,  # the batches are, and Keras would by a state of its own
        callbacks=[epoch_of, stop],
        verbose=0,
    )


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Give layers that are made here, and their noise, seeds that follow from this one.

    Keras draws the seeds of initializers and generators from Python's `random`, whose state is
    afterwards what it was, as a framework's own is.
    """
    before = random.getstate()
    random.seed(seed)
    try:
        with seeding.seeded(seed):
            yield
    finally:
        random.setstate(before)
