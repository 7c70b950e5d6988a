"""What `fit` does around Keras's own loop: check the data, start from them, know when to stop."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from keras_ae import arrays, conditioning, grouping
from keras_ae import inputs as data
from keras_ae.backend import compiled
from keras_ae.backend.compiled.streams import Stream
from keras_ae.backend.optimizer_group import OptimizerGroup
from keras_ae.batches import ArrayBatches
from keras_ae.callbacks import CompensatedMean, StopOnNonFinite
from keras_ae.optimizers import skips_steps
from keras_ae.parts import checked_size

# Keras's `fit` keeps its validation data as batches under this name.
CACHED = "_use_cached_eval_dataset"
# What Keras calls around a batch of training.
HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")


def prepare(model: Any, x: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Return (x, y, sample_weight) for Keras's loop, checked.

    Keras drops sample weights silently when there is no y, so then y is x.

    Raises:
        TypeError: An array does not hold numbers.
        ValueError: The model is not compiled, a shape is wrong, there is no row, or an entry is
            not finite.
    """
    if not model.compiled:
        raise ValueError("a model must be compiled first. Received: no `model.compile(...)`")
    if not isinstance(model._loss_tracker, CompensatedMean):
        # What `compile` has made; Keras keeps it out of the attributes that it tracks, too.
        model.__dict__["_loss_tracker"] = CompensatedMean("loss")
    for mean in model.means:
        mean.leaves_out = skips_steps(model.optimizer)
    if isinstance(x, ArrayBatches):
        rows, condition, _ = data.read(x.arrays[0])
        shape = grouping.shape_of_rows(rows, model.event_shape, model.group_size)
        arrays.check_entries("x", rows, shape, model.missing)
        if grouping.are_groups(rows, model.event_shape, model.group_size):
            condition = grouping.members_of_arrays(condition, model.group_size)
        conditioning.check_condition(condition, model.condition)
        return x, y, sample_weight
    x = _checked(model, x)
    if y is not None:
        y = arrays.as_numbers("y", y)
        shape = grouping.shape_of_rows(y, model.event_shape, model.group_size)
        arrays.check_entries("y", y, shape, model.missing)
    if sample_weight is not None:
        sample_weight = arrays.checked_weights(sample_weight)
        y = data.read(x)[0] if y is None else y
    arrays.check_rows(x=data.read(x)[0], y=y, sample_weight=sample_weight)
    if model.normalizer.kind == "none":
        data.check_support(model, x, y)
    return x, y, sample_weight


def prepare_validation(model: Any, validation: Any) -> Any:
    """Return validation data with the same checks, in the form Keras expects."""
    if not isinstance(validation, (tuple, list)) or len(validation) not in (1, 2, 3):
        return _checked(model, validation)
    prepared = prepare(model, *(*validation, None, None)[:3])
    return tuple(item for item in prepared if item is not None)


def _checked(model: Any, x: Any) -> Any:
    return data.check_data(x, model.event_shape, model.missing, model.condition, model.group_size)


def give_phases_their_optimizers(model: Any) -> None:
    """Make one optimizer for each phase of a model that has phases, like the compiled one."""
    if model.phases and not isinstance(model.optimizer, OptimizerGroup):
        model.optimizer = OptimizerGroup.like(model.optimizer, [p.name for p in model.phases])
        model.optimizer.build(model.trainable_variables)


@contextlib.contextmanager
def loop(model: Any, x: Any, given: Any, **options: Any) -> Iterator[dict[str, Any]]:
    """Give the arguments of Keras's loop, for the fastest form that it can have with these data.

    Args:
        model: A compiled model.
        x: Checked inputs.
        given: The caller's callbacks.
        **options: y, sample_weight, validation_data and what else `keras.Model.fit` takes.

    Raises:
        ValueError: Classes are weighted, of which an autoencoder knows none.
    """
    if options.pop("class_weight", None) is not None:
        raise ValueError(
            "an autoencoder has no classes to weigh. Received: class_weight. Weigh rows by "
            "`sample_weight`."
        )
    by_keras = isinstance(given, keras.callbacks.CallbackList)
    batches = None
    if not by_keras:
        batches = x if type(x) is ArrayBatches else arrays_in_batches(x, options)
        size = options.get("validation_batch_size") or options.get("batch_size")
        options["validation_batch_size"] = size
        options["validation_data"] = in_bounded_memory(options.get("validation_data"), size)
    if batches is None and (by_keras or arrays.is_array(x) or isinstance(x, Mapping)):
        yield {"x": x, **options}
        return
    source: Any = batches
    if batches is None or not is_resident(batches.arrays):
        source = _stream(x if batches is None else batches, options)
    for name in ("y", "sample_weight", "batch_size"):
        options.pop(name, None)
    options["shuffle"] = False
    epochs = options.get("epochs", 1) - options.get("initial_epoch", 0)
    try:
        if not compiled.is_possible(model, source, epochs):
            yield {"x": compiled.single_steps(model, source), **options}
            return
        with compiled.training(model, source, epochs, _sees_batches(given, *HOOKS)) as steps:
            yield {"x": steps, **options}
    finally:
        if source is not batches:
            source.close()


@contextlib.contextmanager
def measuring(model: Any, parts: tuple[Any, ...], options: Any) -> Iterator[dict[str, Any]]:
    """Give the arguments of Keras's `evaluate`, for the fastest form that it can have.

    Args:
        model: A compiled model.
        parts: (x,), (x, y) or (x, y, sample_weight), checked.
        options: What else Keras's `evaluate` takes.
    """
    plain = {**dict(zip(("x", "y", "sample_weight"), parts, strict=False)), **options}
    if not (arrays.is_array(parts[0]) or isinstance(parts[0], Mapping)) or options.get("steps"):
        yield plain
        return
    size = checked_size("batch_size", options.get("batch_size") or 32)
    batches = ArrayBatches(*parts, batch_size=size, shuffle=False)
    own = {name: v for name, v in options.items() if name not in ("batch_size", CACHED)}
    if not compiled.is_measurable(model, batches):
        yield plain if is_resident(batches.arrays) else {"x": batches, **own}
    else:
        sees = _sees_batches(options.get("callbacks"), "on_test_batch_begin", "on_test_batch_end")
        with compiled.measuring(model, batches, sees) as numbers:
            yield {"x": numbers, **own}


def is_resident(given: Any) -> bool:
    """Return whether arrays fit where the steps run, and are not left in a file."""
    leaves = keras.tree.flatten(given)
    size = sum(leaf.nbytes for leaf in leaves)
    return size <= compiled.RESIDENT_BYTES and not any(map(arrays.is_mapped, leaves))


def in_bounded_memory(given: Any, batch_size: int | None) -> Any:
    """Return arrays that Keras would copy though they don't fit as batches, else what is given.

    Args:
        given: (x,), (x, y) or (x, y, sample_weight), an array, or a stream.
        batch_size: Rows of a batch; 32 by default, as in Keras.
    """
    leaves = keras.tree.flatten(given)
    if not all(isinstance(leaf, np.ndarray) for leaf in leaves) or is_resident(leaves):
        return given
    parts = given if isinstance(given, tuple) else (given,)
    return ArrayBatches(*parts, batch_size=batch_size or 32, shuffle=False)


def _stream(x: Any, options: dict[str, Any]) -> Stream:
    """Return a stream, or arrays that are not resident, as what is read ahead."""
    names = ("y", "sample_weight", "batch_size", "shuffle")
    given = {name: options[name] for name in names if options.get(name) is not None}
    if isinstance(x, ArrayBatches):
        given = {}
    # Keras warns when told to shuffle what shuffles itself.
    is_shuffled = isinstance(x, keras.utils.PyDataset) and not hasattr(x, "start_epoch")
    given.setdefault("shuffle", is_shuffled)
    return Stream(x, options.get("steps_per_epoch"), **given)


def arrays_in_batches(x: Any, options: dict[str, Any]) -> ArrayBatches | None:
    """Return arrays as batches in an order of their own, or None for anything else.

    The share `validation_split` of the last rows becomes `options["validation_data"]`, as in Keras.
    """
    is_arrays = arrays.is_array(x) or isinstance(x, Mapping)
    if not is_arrays or options.get("steps_per_epoch") is not None:
        return None
    batch_size = options.get("batch_size")
    batch_size = 32 if batch_size is None else checked_size("batch_size", batch_size)
    given = (x, options.get("y"), options.get("sample_weight"))
    parts = tuple(array for array in given if array is not None)
    split = options.pop("validation_split", None) or 0.0
    if not 0.0 <= split < 1.0:
        raise ValueError(
            f"`validation_split` must be a share in [0, 1). Received: validation_split={split}"
        )
    if split and options.get("validation_data") is None:
        kept = math.floor(len(data.read(x)[0]) * (1.0 - split))
        options["validation_data"] = keras.tree.map_structure(lambda a: a[kept:], parts)
        parts = keras.tree.map_structure(lambda a: a[:kept], parts)
    return ArrayBatches(
        *parts,
        batch_size=batch_size,
        shuffle=bool(options.get("shuffle", True)),
        seed=random.randrange(2**31),
    )


def _sees_batches(given: Any, *hooks: str) -> bool:
    """Return whether one of these hooks of a caller's callback is to be called."""
    if isinstance(given, keras.callbacks.CallbackList):  # with Keras's own progress bar
        given = [c for c in given.callbacks if not isinstance(c, keras.callbacks.ProgbarLogger)]
    chosen = list(given) if isinstance(given, (list, tuple)) else [given] if given else []
    plain = keras.callbacks.Callback
    return any(
        getattr(type(callback), hook) is not getattr(plain, hook) or hook in vars(callback)
        for callback in chosen
        for hook in hooks
    )


def callbacks(given: Any, patience: int | None, validates: bool, x: Any = None) -> Any:
    """Return the caller's callbacks, the guard against NaN, and the stopping criterion.

    Data with a method `start_epoch` are told the number of each epoch before it begins.

    Raises:
        ValueError: `patience` is not a whole number of at least 1.
    """
    if isinstance(given, keras.callbacks.CallbackList):
        return given
    chosen = list(given) if isinstance(given, (list, tuple)) else [given] if given else []
    if not any(isinstance(callback, StopOnNonFinite) for callback in chosen):
        chosen.insert(0, StopOnNonFinite())
    if hasattr(x, "start_epoch"):
        start_epoch = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda e, logs: x.start_epoch(e)
        )
        chosen.insert(0, start_epoch)
    if patience is not None:
        patience = checked_size("patience", patience)
        monitor = "val_loss" if validates else "loss"
        stop = keras.callbacks.EarlyStopping(
            monitor=monitor, patience=patience, restore_best_weights=True
        )
        # Before the guard, which has the last word of the weights.
        chosen.insert(0, stop)
    return chosen


def compile_config(model: Any, config: Any) -> Any:
    """Return the model's compile config in the form that is saved."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and not optimizer.built:
        # Loading builds the optimizer, and refuses a file in which it was not.
        optimizer.build(model.trainable_variables)
    if isinstance(optimizer, OptimizerGroup):  # made from the compiled one when training began
        config = {**config, "optimizer": keras.saving.serialize_keras_object(optimizer)}
    return portable_compile_config(config)


def portable_compile_config(config: Any) -> Any:
    """Return a compile config that means the same on every backend.

    Keras stores torch's own optimizer class, which no other backend can run, and the resolved
    `jit_compile`, which turns compilation off (from TensorFlow to JAX) or on (to torch).
    """
    if isinstance(config, Mapping):
        config = {key: portable_compile_config(value) for key, value in config.items()}
        if "jit_compile" in config:
            config["jit_compile"] = "auto"
        if str(config.get("module", "")).startswith("keras.src.backend.torch.optimizers"):
            config["module"], config["registered_name"] = "keras.optimizers", None
        return config
    if isinstance(config, (list, tuple)):
        return [portable_compile_config(value) for value in config]
    return config
