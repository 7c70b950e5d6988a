"""Training several steps in one dispatch, inside Keras's own `fit`.

Data that fit are kept where the steps run, and Keras's loop iterates over row numbers. Other arrays
and streams are read ahead by a thread, and a block of batches at a time goes there. Keras's
callbacks, validation, metrics and progress bar are what they were.
"""

from __future__ import annotations

import contextlib
import importlib
import math
from collections.abc import Iterator
from typing import Any

import keras

from keras_ae.backend.allocator import kept_pages
from keras_ae.backend.compiled.plan import Plan, multiplications
from keras_ae.backend.compiled.streams import Stream

RESIDENT_BYTES = 2**31
"""Largest size of data that are kept on the device."""

BLOCK_BYTES = 2**23
"""Largest size of a block of other data, of which about five are in memory."""

BLOCK_SECONDS = 0.1
"""About how long a block of steps may take: the progress bar and Ctrl-C wait for it."""

MOST_STEPS = 1024
"""Most steps of a block: of a small model, whose epochs are short."""

ALWAYS_STEPS = 128
"""Steps of a block whatever their noise takes, and at most those of a block of a stream."""

FLOPS = 1.5e11
OVERHEAD = 4e-5

STEPS, MEASUREMENTS = "_block_steps", "_block_measurements"

UNKNOWN_LENGTH = 100
"""Batches that a stream is taken to have in an epoch where nobody knows."""


def is_possible(model: Any, batches: Any, epochs: int) -> bool:
    """Return whether blocks of steps can stand for Keras's own train function."""
    if not _is_plain(model):
        return False
    match keras.backend.backend():
        case "jax" | "tensorflow":
            return True
        case _:
            from keras_ae.backend.compiled import on_torch
            from keras_ae.backend.compiled.traced import tracing

            is_worth = (
                epochs * epoch_length(batches) >= on_torch.WORTH_TRACING
                or _kept(model, STEPS) is not None
            )
            return is_worth and tracing.is_traceable(model, batches.arrays)


@contextlib.contextmanager
def training(model: Any, batches: Any, epochs: int, per_batch: bool) -> Iterator[Any]:
    """Give what `fit` iterates over while the model's train function runs blocks of steps.

    Args:
        model: A compiled and built model.
        batches: Its data: `ArrayBatches` that stay on the device, or a `Stream`.
        epochs: Number of epochs to come.
        per_batch: Whether callbacks must be called after every step.
    """
    from keras_ae.backend.compiled.rows import Rows

    streams = isinstance(batches, Stream)
    # Metrics of the user's are built from a batch, of which Keras's loop will see numbers only.
    model._symbolic_build(
        **({"iterator": batches.look()} if streams else {"data_batch": batches[0]})
    )
    given = model.steps_per_execution
    per_call = given if given > 1 else 1 if per_batch else block_length(model, batches)
    data = None if streams else batches.arrays
    total = epochs * epoch_length(batches)
    plan = Plan(batches, data, per_call, total, step_flops(model, batches))
    steps = _steps_of(model, plan)
    steps.bind(plan)
    before, model.train_function = model.train_function, steps
    model.steps_per_execution = per_call

    def begun() -> None:
        # The length of a block is for training; validation has the caller's own.
        model.steps_per_execution = given

    if streams:
        batches.per_call, batches.begun, batches.stacks = per_call, begun, True
    try:
        # TensorFlow gains nothing by it.
        is_worth = keras.backend.backend() != "tensorflow"
        with kept_pages() if is_worth else contextlib.nullcontext():
            yield batches if streams else Rows(batches, per_call, begun)
    finally:
        begun()
        steps.release()
        model.train_function = before


def is_measurable(model: Any, batches: Any) -> bool:
    """Return whether blocks of batches can stand for Keras's own test function."""
    if not _is_plain(model):
        return False
    if keras.backend.backend() != "torch":
        return True
    from keras_ae.backend.compiled.traced import tracing

    return tracing.is_traceable(model, batches.arrays, trains=False)


def _is_plain(model: Any) -> bool:
    """Return whether Keras's loop is the usual one: compiled, on one device, of whole epochs."""
    limit = getattr(keras.config, "max_steps_per_epoch", lambda: None)()
    if model.run_eagerly or limit is not None:
        return False
    match keras.backend.backend():
        case "jax":
            return bool(model.jit_compile) and keras.distribution.distribution() is None
        case "tensorflow":
            import tensorflow as tf

            return not tf.distribute.has_strategy() and model._distribute_strategy is None
        case _:
            return True


@contextlib.contextmanager
def measuring(model: Any, batches: Any, per_batch: bool) -> Iterator[Any]:
    """Give what `evaluate` iterates over while the model's test function runs blocks of batches.

    Args:
        model: A compiled model.
        batches: Its data: `ArrayBatches` in their own order.
        per_batch: Whether callbacks must be called after every batch.
    """
    from keras_ae.backend.compiled.rows import Rows

    model._symbolic_build(data_batch=batches[0])
    given = model.steps_per_execution
    flops = step_flops(model, batches) / 3  # without the way backwards
    longest = min(MOST_STEPS, _within_memory(model, batches), _within_time(flops))
    # Programs are of a block's shape: other numbers of rows find theirs again.
    block = given if given > 1 else 1 if per_batch else min(longest, _power_of_two(len(batches)))
    measurements = _measurements_of(model)
    measurements.bind(Plan(batches, None, block, len(batches), flops))
    before, model.test_function = model.test_function, measurements
    model.steps_per_execution = min(block, len(batches))
    try:
        yield Rows(batches, model.steps_per_execution, lambda: None)
    finally:
        model.steps_per_execution = given
        measurements.release()
        model.test_function = before


def single_steps(model: Any, batches: Any) -> Any:
    """Return what Keras's own train function takes, a stream's batches read ahead.

    Args:
        model: A compiled model.
        batches: `ArrayBatches` or a `Stream`.
    """
    if isinstance(batches, Stream):
        batches.per_call = model.steps_per_execution
        if keras.backend.backend() != "tensorflow":  # Keras's look would read ahead.
            model._symbolic_build(iterator=batches.look())
    return batches


def epoch_length(batches: Any) -> int:
    """Return the number of batches of an epoch, or a guess at a stream's."""
    length = batches.length if isinstance(batches, Stream) else len(batches)
    return UNKNOWN_LENGTH if length is None else int(length)


def block_length(model: Any, batches: Any) -> int:
    """Return a number of steps that take about `BLOCK_SECONDS`, at most an epoch's."""
    length = epoch_length(batches)
    within_memory = _within_memory(model, batches)
    is_stream = isinstance(batches, Stream)
    if is_stream:
        most = min(ALWAYS_STEPS, within_memory)
    else:
        most = min(MOST_STEPS, max(ALWAYS_STEPS, within_memory))
    longest = min(most, length, _within_time(step_flops(model, batches)))
    if is_stream:
        return batches.block_length(longest)
    # Blocks of nearly one length.
    return math.ceil(length / math.ceil(length / longest))


def _within_memory(model: Any, batches: Any) -> int:
    """Return how many batches, at least one, have the size of a block."""
    return max(1, BLOCK_BYTES // (4 * math.prod(model.event_shape) * batches.batch_size))


def _within_time(flops: float) -> int:
    """Return how many steps of so many operations, at least one, take a block's time."""
    return max(1, int(BLOCK_SECONDS / (OVERHEAD + flops / FLOPS)))


def step_flops(model: Any, batches: Any) -> float:
    """Return about how many floating-point operations a training step needs."""
    # Two for each multiplication and its sum; backwards twice what it is forwards.
    return 6.0 * multiplications(model) * batches.batch_size


def _steps_of(model: Any, plan: Plan) -> Any:
    """Return the model's block function, made anew when it was compiled anew."""
    kept = _kept(model, STEPS)
    match keras.backend.backend():
        case "jax":
            from keras_ae.backend.compiled import on_jax

            steps = kept or on_jax.Steps(model)
        case "tensorflow":
            from keras_ae.backend.compiled import on_tensorflow

            xla = plan.steps >= on_tensorflow.WORTH_XLA and on_tensorflow.is_for_xla(model)
            suits = kept is not None and (kept.xla or not xla)
            steps = kept if suits else on_tensorflow.Steps(model, xla)
        case _:
            from keras_ae.backend.compiled import on_torch

            steps = kept or on_torch.Steps(model)
    model.__dict__[STEPS] = (_identity(model), steps)
    return steps


def _measurements_of(model: Any) -> Any:
    """Return the model's block function for evaluation, made anew when it was compiled anew."""
    measurements = _kept(model, MEASUREMENTS)
    if measurements is None or measurements.batches is not None:  # one within another
        name = f"keras_ae.backend.compiled.on_{keras.backend.backend()}"
        measurements = importlib.import_module(name).Measurements(model)
    model.__dict__[MEASUREMENTS] = (_identity(model), measurements)
    return measurements


def _kept(model: Any, name: str) -> Any:
    """Return the block function of an earlier time, unless the model was compiled since."""
    identity, steps = model.__dict__.get(name, ((), None))
    now = _identity(model)
    same = len(identity) == len(now) and all(a is b for a, b in zip(identity, now, strict=True))
    return steps if same else None


def _identity(model: Any) -> tuple[Any, ...]:
    # `compile` makes a new tracker of the loss, whatever it is given.
    weights = [term.weight for term in model.objective]
    return model.optimizer, model._loss_tracker, *model.objective, *weights


def _power_of_two(number: int) -> int:
    """Return the least power of two that is not less."""
    return 1 << (number - 1).bit_length()
