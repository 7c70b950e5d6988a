"""How an estimator makes and trains its model: sizes by the data, held-out rows, early stopping."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from keras_ae.backend.seeding import isolated
from keras_ae.estimators.own_model import OwnModel
from keras_ae.latent_model import LatentModel
from keras_ae.registry import create, parameters, variant_class

STEPS = 600
"""Steps of training, about, where no number of epochs is given."""
MOST_EPOCHS, LEAST_EPOCHS = 200, 5
BATCH = 256
MEASURED = 4096
"""Held-out rows that are measured at once: their number, unlike a step's, changes no training."""
HIDDEN = (128, 64)
LEAST_HELD = 10
"""With fewer held-out rows none are: they would say nothing."""


@dataclass(frozen=True)
class Plan:
    """How a model is trained; None where the data decide.

    Args:
        epochs: Passes over the rows, at most.
        batch_size: Rows of a step, at most.
        learning_rate: Of Adam.
        validation_fraction: Share of the rows that are held out: for early stopping, thresholds.
        patience: Epochs without a better loss of held-out rows after which training stops; None
            never stops it.
        callbacks: Keras callbacks.
        verbose: 0 for silence, 1 for a bar, 2 for a line each epoch.
    """

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float = 3e-3
    validation_fraction: float = 0.1
    patience: int | None = 10
    callbacks: Sequence[Any] = field(default_factory=list)
    verbose: int = 0

    def once(self) -> Plan:
        """Return the plan of one pass, or of the number of passes that is given."""
        return dataclasses.replace(self, epochs=self.epochs or 1, patience=None)


def made(
    model: Any, width: int, options: Mapping[str, Any], seed: int, **defaults: Any
) -> LatentModel:
    """Return a new model of rows of `width` numbers.

    Args:
        model: A variant's name, a `LatentModel`, which is copied, or a Keras model from rows to
            rows, which is copied.
        width: Numbers of a row.
        options: Of a variant; a hidden layout and a code's length by the width where none is given.
        seed: Of the weights.
        **defaults: Options that a variant gets where it takes them and none are given.

    Raises:
        ValueError: There is no such variant, an option is wrong, or the model's rows are others.
        TypeError: It is neither.
    """
    with isolated(seed):
        if isinstance(model, LatentModel):
            _check_shape(model, width, model.event_shape)
            return type(model).from_config({**model.get_config(), **defaults})
        if isinstance(model, keras.Model):
            return _wrapped(model, width, defaults.get("missing"))
        if not isinstance(model, str):
            raise TypeError(
                "`model` must be a variant's name, or a model of Keras or keras_ae. "
                f"Received: {type(model).__name__}"
            )
        taken = parameters(variant_class(model))
        chosen = {"latent_dim": code_size(width), "hidden": HIDDEN, **defaults, **options}
        given = {k: v for k, v in chosen.items() if k in taken or k in options}
        return create(model, input_shape=(width,), **given)


def code_size(width: int) -> int:
    """Return the length of the code of rows of so many numbers: half of them, 64 at most."""
    return min(64, max(1, -(-width // 2)))


def fitted(
    model: LatentModel,
    x: np.ndarray,
    held: np.ndarray,
    plan: Plan,
    seed: int,
    sample_weight: np.ndarray | None = None,
    initial_epoch: int = 0,
) -> dict[str, list[float]]:
    """Train a model, and return its losses by epoch; its best weights are those it has then.

    Args:
        model: The model; it goes on where it was trained before.
        x: Scaled rows, float32.
        held: Held-out rows, perhaps none.
        plan: How.
        seed: Of what is drawn.
        sample_weight: Of each row of x.
        initial_epoch: Epochs that the model has seen.
    """
    batch = batch_size(len(x), plan.batch_size)
    epochs = plan.epochs or epochs_of(len(x), batch)
    with isolated(seed):
        if not model.compiled:
            model.compile(keras.optimizers.Adam(plan.learning_rate))
        history = model.fit(
            x,
            sample_weight=sample_weight,
            validation_data=held if len(held) else None,
            validation_batch_size=min(MEASURED, max(1, len(held))),
            patience=plan.patience if len(held) else None,
            epochs=initial_epoch + epochs,
            initial_epoch=initial_epoch,
            batch_size=batch,
            callbacks=list(plan.callbacks),
            verbose=plan.verbose,
        )
    return {name: [float(v) for v in values] for name, values in history.history.items()}


def batch_size(rows: int, most: int | None = None) -> int:
    """Return the rows of a step: all of few, else as many as leave few for the last of an epoch."""
    most = min(most or BATCH, rows)
    sizes = range(most, max(1, most // 2), -1) if most < rows else [rows]
    return min(sizes, key=lambda size: (-rows % size, -size), default=most)


def epochs_of(rows: int, batch: int) -> int:
    """Return passes over the rows that make the number of steps that is usual."""
    return min(MOST_EPOCHS, max(LEAST_EPOCHS, round(STEPS * batch / rows)))


def split(
    rows: int, share: float, rng: np.random.Generator, most: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return places of the rows to train on, and of those to hold out: about a share of them.

    Whole batches are trained on where there are several, so that one program runs them all.
    """
    order = rng.permutation(rows)
    held = round(share * rows)
    if held < LEAST_HELD:
        return np.sort(order), order[:0]
    size = min(most or BATCH, rows - held)
    trained = (rows - held) // size * size if share > 0.0 else rows
    if rows - trained > 2 * held + LEAST_HELD:
        trained = rows - held
    return np.sort(order[:trained]), np.sort(order[trained:])


def _check_shape(model: Any, width: int, shape: Any) -> None:
    if tuple(shape) != (width,):
        raise ValueError(
            f"`model` must take rows of {width} numbers, which is what the table's columns become. "
            f"Received: a model of {tuple(shape)}"
        )


def _wrapped(model: keras.Model, width: int, missing: str | None) -> LatentModel:
    for shape in (model.input_shape, model.output_shape):
        _check_shape(model, width, shape[1:])
    return OwnModel(keras.models.clone_model(model), missing=missing)
