"""The main job: from settings to a run folder with a model, its figures of merit and pictures."""

from __future__ import annotations

import math
import shutil
import sys
import time
from typing import Any

import keras
import numpy as np

from keras_ae import datasets, registry
from keras_ae.cli.checkpoints import Checkpoint, finished_epochs, is_exhausted
from keras_ae.cli.conditions import condition_of, examples, taken, told
from keras_ae.cli.groups import as_examples, event_shape_of, group_size_of
from keras_ae.cli.interrupts import Interrupts
from keras_ae.cli.outcome import figures_of_merit
from keras_ae.cli.pictures import draw
from keras_ae.cli.settings import Settings
from keras_ae.conditions import Label
from keras_ae.reports import RunFolder
from keras_ae.reports.run import load_model


class Interrupted(Exception):
    """Training was stopped by the user; the run folder is usable and can be resumed."""


def train(settings: Settings, run: RunFolder, *, resume: bool = False) -> dict[str, Any]:
    """Train, measure, draw; return the metrics.

    Raises:
        Interrupted: Ctrl-C; everything up to the last finished epoch is in the folder.
        OSError: The folder cannot be written.
        ValueError: The data or a hyper-parameter cannot be used.
    """
    data = datasets.load(
        settings.data, limit=settings.limit, label_column=settings.label_column, seed=settings.seed
    )
    group_size = group_size_of(settings)
    condition = condition_of(settings, data)
    parts = split(data, settings, condition)
    check_complete(data, parts, settings)
    keras.utils.set_random_seed(settings.seed)
    steps = -(-len(examples(parts["train"])) // settings.batch_size)
    if resume:
        model = load_model(run.checkpoint)
        history = finished_epochs(model, run.read_history(), steps)
        run.create()
    else:
        model, history = build(settings, event_shape_of(data, group_size), steps, condition), []
        begin(run, settings, model)
    started, is_trained = time.perf_counter(), False
    try:
        before = len(history)
        with Interrupts() as interrupts:
            fit(model, settings, run, parts, history, interrupts)
        seconds = time.perf_counter() - started
        if len(history) == before and run.read_metrics().get("status") == "finished":
            model = run.load_model()  # which may have a sampler since
        else:
            run.write(run.model, model.save)
        is_trained = True
        data, parts = as_examples(data, parts, group_size)
        metrics = figures_of_merit(model, data, parts, settings)
        metrics.update(status=status(history), epochs=len(history), seconds=round(seconds, 2))
        draw(model, data, run, history)
        run.write_metrics(metrics)
    except KeyboardInterrupt as stop:
        if not is_trained:  # the state of the last finished epoch is the run's model
            run.write(run.model, lambda partial: shutil.copyfile(run.checkpoint, partial))
        reached = {"epochs": len(history), "wanted": settings.epochs}
        run.write_metrics({"status": "interrupted", **reached})
        raise Interrupted from stop
    return metrics


def begin(run: RunFolder, settings: Settings, model: Any) -> None:
    """Make the folder, with a checkpoint of the start, so that it can be resumed at any moment."""
    run.create()
    run.clear()
    run.write(run.checkpoint, model.save)
    run.write_config(settings.as_dict())


def status(history: list[dict[str, float]]) -> str:
    """Return how a training has ended: "finished", or "diverged" in a loss that is not finite."""
    last = history[-1]
    is_finite = all(math.isfinite(last[name]) for name in ("loss", "val_loss"))
    return "finished" if is_finite else "diverged"


def check_complete(data: datasets.Dataset, parts: dict[str, Any], settings: Settings) -> None:
    """Refuse missing entries, before anything is written, unless the model masks them.

    Raises:
        ValueError: As said; the message names the first.
    """
    default = registry.describe(settings.variant).parameters.get("missing")
    masks = settings.hyper_parameters.get("missing", default) == "mask"
    if (
        data.missing
        and not masks
        and any(np.isnan(examples(rows)).any() for rows in parts.values())
    ):
        raise ValueError(
            "data must be complete unless the model masks what is missing. "
            f"Received: {data.missing} in {data.origin}. Fill them in, or pass --missing mask."
        )


def build(
    settings: Settings,
    event_shape: tuple[int, ...],
    steps_per_epoch: int,
    condition: Label | None = None,
) -> Any:
    """Return the compiled model."""
    told = {} if condition is None else {"condition": condition}
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(settings.precision)
    try:
        model = registry.create(
            settings.variant, input_shape=event_shape, **{**settings.hyper_parameters, **told}
        )
    finally:
        keras.config.set_dtype_policy(before)
    steps = settings.epochs * steps_per_epoch
    rate: Any = settings.learning_rate
    if settings.learning_rate_schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    elif settings.learning_rate_schedule == "exponential":
        rate = keras.optimizers.schedules.ExponentialDecay(rate, steps, 0.01)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=settings.gradient_clip))
    return model


def split(
    data: datasets.Dataset, settings: Settings, condition: Label | None = None
) -> dict[str, Any]:
    """Return the rows to train on, to validate on and to test on, with their conditions.

    With nothing held out the validation rows are the test rows: they choose nothing then.
    """
    train = told(condition, data.x_train, data.y_train)
    test = told(condition, data.x_test, data.y_test)
    held = round(settings.held_out * len(data.x_train))
    if not held:
        return {"train": train, "validation": test, "test": test}
    order = np.random.default_rng(settings.seed).permutation(len(data.x_train))
    if held >= len(order):
        raise ValueError(
            "`validation` must leave rows to train on. "
            f"Received: validation={settings.held_out} of {len(order)} rows"
        )
    return {
        "train": taken(train, order[held:]),
        "validation": taken(train, order[:held]),
        "test": test,
    }


def fit(
    model: Any,
    settings: Settings,
    run: RunFolder,
    parts: dict[str, Any],
    history: list[dict[str, float]],
    interrupts: Interrupts,
) -> None:
    """Train from the epoch after the history's last."""
    batches = datasets.ArrayBatches(
        parts["train"], batch_size=settings.batch_size, seed=settings.seed
    )
    model.fit(
        batches,
        epochs=len(history) if is_exhausted(history, settings.patience) else settings.epochs,
        initial_epoch=len(history),
        validation_data=parts["validation"],
        validation_batch_size=settings.batch_size,
        callbacks=[Checkpoint(run, history, settings.patience), interrupts],
        # A bar redraws its line; what is not a terminal gets one line an epoch.
        verbose=1 if sys.stdout.isatty() else 2,
    )
