"""A training step as a program without Python, on PyTorch."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_ae.backend.compiled.blocks import map_arrays
from keras_ae.backend.compiled.fused_adam import FusedAdam
from keras_ae.backend.recurrent import has_kernel
from keras_ae.backend.script import Draw, Script

TOLERANCE = 1e-3
# Optimizers whose steps differ in tensors only; what others keep in Python a trace would freeze.
TRACEABLE = ("Adam", "AdamW", "Adagrad", "Adadelta", "Adamax", "Lion", "RMSprop", "SGD")


def is_traceable(model: Any, data: Any = ()) -> bool:
    """Return whether a step has neither choices nor noise that a trace would freeze.

    Args:
        model: A compiled model.
        data: (x,), (x, y) or (x, y, sample_weight).
    """
    has_mask = model.missing is not None or any(
        isinstance(a, Mapping) and "mask" in a for a in data
    )
    members = getattr(model.optimizer, "optimizers", {"": model.optimizer}).values()
    return (
        (is_fused(model) or all(map(_is_plain, members)))
        and all(isinstance(term.weight, float) for term in model.objective)
        and not any(_draws_or_loops(layer, has_mask) for layer in model._flatten_layers())
    )


def is_fused(model: Any) -> bool:
    """Return whether the weights are moved beside the trace, which gives the gradients."""
    return not model.phases and FusedAdam.fits(model.optimizer)


def step(
    model: Any, batch: Any, apply: Callable[[list[Any], list[Any]], None] | None = None
) -> None:
    """Run one training step as Keras's trainer does, its gradients taken without `backward`.

    Args:
        model: A compiled model.
        batch: (x,), (x, y) or (x, y, sample_weight) as tensors.
        apply: Takes the gradients and their weights; the optimizer by default.
    """
    import torch

    if model.phases:
        with torch.enable_grad():
            model.train_step(batch)
        return
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    with torch.enable_grad():
        outputs = model(x, training=True)
        loss = model.compute_loss(x, y, outputs, sample_weight, training=True)
        weights = model.trainable_weights
        found = torch.autograd.grad(loss, [w.value for w in weights], allow_unused=True)
    moved = [(g, w) for g, w in zip(found, weights, strict=True) if g is not None]
    with torch.no_grad():
        model._loss_tracker.update_state(loss, sample_weight=len(outputs["latent"]))
        (apply or model.optimizer.apply)(*map(list, zip(*moved, strict=True)))
        model.compute_metrics(x, y, outputs, sample_weight)


def trace(model: Any, data: Any, rows: Any) -> Callable[..., None] | None:
    """Return a program of a step on batches of this size, or None if there is none.

    Args:
        model: A compiled model.
        data: All rows, as tensors.
        rows: The row numbers of a batch, a tensor.

    Returns:
        What takes a step, given the leaves of `data` and row numbers.
    """
    batch, state = gather(data, rows), _State(model)
    wanted = [state.now()]
    with Script() as script:
        step(model, batch)
    wanted.append(state.now())
    step(model, batch)  # a second one sees what a trace of the first has frozen
    wanted.append(state.now())
    state.put(wanted[0])
    agrees = True
    try:
        replay = _program(model, data, rows, script.draws)
        for before, after in itertools.pairwise(wanted):
            state.put(before)
            replay(*keras.tree.flatten(data), rows)
            agrees = agrees and _agree(model, before, after, state.now())
    except Exception:  # Whatever the reason, the step itself still runs.
        agrees = False
    state.put(wanted[0])
    return replay if agrees else None


def gather(data: Any, rows: Any) -> Any:
    """Return these rows of each tensor of a structure."""
    import torch

    return map_arrays(lambda a: torch.index_select(a, 0, rows), data)


def variables(model: Any) -> list[Any]:
    """Return everything that a training step moves."""
    return [*model.variables, *model.optimizer.variables, *model.metrics_variables]


def _program(model: Any, data: Any, rows: Any, draws: list[Draw]) -> Callable[..., None]:
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    leaves = keras.tree.flatten(data)
    fused = is_fused(model)
    moved: list[Any] = []
    gradients: list[Any] = []

    def keep(found: list[Any], weights: list[Any]) -> None:
        # The fused kernel reads memory in its order, and a convolution's gradient is a view.
        gradients[:], moved[:] = [gradient.contiguous() for gradient in found], weights

    def function(*tensors: Any) -> Any:
        batch = gather(
            keras.tree.pack_sequence_as(data, tensors[: len(leaves)]), tensors[len(leaves)]
        )
        with Script(tensors[len(leaves) + 1 :]):
            step(model, batch, keep if fused else None)
        # A trace without a value would be taken for idle.
        return list(gradients) if fused else [model.step.value.clone()]

    inputs = (*leaves, rows, *(draw.again() for draw in draws))
    with warnings.catch_warnings(), torch.no_grad():
        # torch 2.13 deprecates the API, whose replay is twice as fast as FX's.
        warnings.simplefilter("ignore")
        graph = make_fx(function, tracing_mode="real")(*inputs)
        graph.graph.eliminate_dead_code()  # such as the reconstruction, when no metric wants it
        graph.recompile()
        try:
            run = torch.jit.trace(graph, inputs, check_trace=False)
        except RuntimeError:  # It knows no convolution's gradient.
            run = graph
    apply = FusedAdam(model.optimizer, moved) if fused else None

    def replay(*leaves_and_rows: Any) -> None:
        with torch.no_grad():
            found = run(*leaves_and_rows, *(draw.again() for draw in draws))
            if apply is not None:
                apply(list(found))

    return replay


def _is_plain(optimizer: Any) -> bool:
    """Return whether each step of an optimizer is the same program."""
    schedules = keras.optimizers.schedules.LearningRateSchedule
    return (
        type(optimizer).__name__ in TRACEABLE
        and type(optimizer).__module__.startswith("keras.")
        and optimizer.gradient_accumulation_steps is None
        and optimizer.ema_overwrite_frequency is None
        and not isinstance(optimizer._learning_rate, schedules)
    )


def _draws_or_loops(layer: Any, has_mask: bool) -> bool:
    if isinstance(layer, keras.layers.RNN):
        return has_mask or not has_kernel(layer)
    if isinstance(layer, keras.layers.LSTMCell):
        return False  # It is its layer's, which was asked.
    own_noise = "training_seed" in vars(layer)  # a part's, which is drawn outside of the trace
    seeds = [v for v in vars(layer).values() if isinstance(v, keras.random.SeedGenerator)]
    return bool(seeds) and not own_noise


class _Snapshot(NamedTuple):
    """What a training step moves, and what is logged of it."""

    values: list[Any]
    logs: list[float]


class _State:
    """Everything that a training step moves."""

    def __init__(self, model: Any) -> None:
        self.model, self.variables = model, variables(model)

    def now(self) -> _Snapshot:
        values = [v.value.detach().clone() for v in self.variables]
        return _Snapshot(values, [float(log) for log in self.model.get_metrics_result().values()])

    def put(self, snapshot: _Snapshot) -> None:
        import torch

        with torch.no_grad():
            for variable, value in zip(self.variables, snapshot.values, strict=True):
                variable.value.copy_(value)


def _agree(model: Any, before: _Snapshot, wanted: _Snapshot, found: _Snapshot) -> bool:
    """Return whether two steps moved everything alike, up to a share of what they moved it."""
    # Norms: where a gradient is rounding alone, Adam moves a weight by its sign. Not the metrics'
    # own variables: some of them are rounding alone.
    count = len(wanted.values) - len(model.metrics_variables)
    moved = zip(before.values[:count], wanted.values, found.values, strict=False)
    return all(
        float((b - c).double().norm()) <= TOLERANCE * float((b - a).double().norm())
        for a, b, c in moved
    ) and np.allclose(found.logs, wanted.logs, rtol=TOLERANCE)
