"""A training step as a program without Python, on PyTorch."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np

from keras_ae.backend.compiled.adam import FusedAdam, is_adam
from keras_ae.backend.compiled.blocks import map_arrays
from keras_ae.backend.compiled.divided_on_torch import Divided, draws_of, is_exact
from keras_ae.backend.compiled.division import Division
from keras_ae.backend.compiled.replay import Replay
from keras_ae.backend.compiled.simplify import simplified
from keras_ae.backend.postponed import Means
from keras_ae.backend.recurrent import has_kernel
from keras_ae.backend.script import Draw, Script
from keras_ae.backend.whole_batch import Part

Program: TypeAlias = Replay | Divided

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
    return not model.phases and is_adam(model.optimizer, model.trainable_weights)


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


def trace(model: Any, data: Any, rows: Any, division: Division | None = None) -> Program | None:
    """Return a program of a step on batches of this size, or None if there is none.

    Args:
        model: A compiled model.
        data: All rows, as tensors.
        rows: The row numbers of a batch, a tensor.
        division: How to divide a batch where that is possible.

    Returns:
        What takes steps, given the leaves of `data` and the row numbers of each step.
    """
    batch, state = gather(data, rows), _State(model)
    start = state.now()
    with Script() as script:
        step(model, batch)
    once = state.now()
    step(model, batch)  # a second one sees what a trace of the first has frozen
    twice = state.now()
    state.put(start)

    def is_the_step(program: Program) -> bool:
        for before, steps, wanted in ((start, 1, once), (once, 1, twice), (start, 2, twice)):
            state.put(before)
            program(keras.tree.flatten(data), [rows] * steps)
            if not _agree(model, before, wanted, state.now(), steps):
                return False
        return True

    threads = 1 if division is None or not is_fused(model) else division.threads
    for parts in sorted({threads, 1}, reverse=True):
        try:
            program: Program | None
            if parts > 1:
                program = _divided(model, data, rows, parts)
            else:
                program = _program(model, data, rows, script.draws)
            agrees = program is not None and is_the_step(program)
        except Exception:  # Whatever the reason, the step itself still runs.
            agrees = False
        state.put(start)
        if agrees:
            return program
    return None


def gather(data: Any, rows: Any) -> Any:
    """Return these rows of each tensor of a structure."""
    import torch

    return map_arrays(lambda a: torch.index_select(a, 0, rows), data)


def variables(model: Any) -> list[Any]:
    """Return everything that a training step moves."""
    return [*model.variables, *model.optimizer.variables, *model.metrics_variables]


def _program(model: Any, data: Any, rows: Any, draws: list[Draw]) -> Replay:
    run, moved, means, _ = _traced(model, data, rows, draws, contextlib.nullcontext())
    return Replay(run, draws, FusedAdam(model.optimizer, moved) if moved else None, means)


def _divided(model: Any, data: Any, rows: Any, threads: int) -> Divided | None:
    if not is_exact(model, data):
        return None
    rows = rows[: len(rows) // threads]
    draws = draws_of(model, gather(data, rows))
    run, moved, means, uses = _traced(model, data, rows, draws, Part())
    adam = FusedAdam(model.optimizer, moved)
    return Divided(run, draws, adam, means, uses, threads)


def _traced(
    model: Any, data: Any, rows: Any, draws: list[Draw], part: Any
) -> tuple[Any, list[Any], Means, list[tuple[Any, int, int]]]:
    """Return a program of a step or a part of one, what moves beside it, its means and uses."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    leaves = keras.tree.flatten(data)
    fused = is_fused(model)
    moved: list[Any] = []
    gradients: list[Any] = []
    uses: list[tuple[Any, int, int]] = []
    means = Means(model, len(rows))

    def take(found: list[Any], weights: list[Any]) -> None:
        # The fused kernel reads memory in its order, and a convolution's gradient is a view.
        gradients[:], moved[:] = [gradient.contiguous() for gradient in found], weights

    def function(tensors: list[Any]) -> Any:
        batch = gather(
            keras.tree.pack_sequence_as(data, tensors[: len(leaves)]), tensors[len(leaves)]
        )
        noise = Script(tensors[len(leaves) + 1 :])
        with noise, part as running, means.postponed():
            step(model, batch, take if fused else None)
        waiting = running.uses if running is not None else []
        uses[:] = [(use.function, len(use.sums), len(use.rows)) for use in waiting]
        rest = [tensor.detach() for use in waiting for tensor in (*use.sums, *use.rows)]
        # A trace without a value would be taken for idle.
        found = [*gradients, *means.of_step(torch.zeros(())), *rest]
        return found or [model.step.value.clone()]

    inputs = [*leaves, rows, *(draw.again() for draw in draws)]
    with warnings.catch_warnings(), torch.no_grad():
        # torch 2.13 deprecates the API, whose replay is twice as fast as FX's.
        warnings.simplefilter("ignore")
        graph = make_fx(function, tracing_mode="real")(inputs)
        graph.graph.eliminate_dead_code()  # such as the reconstruction, when no metric wants it
        graph = simplified(graph)
        if any("mkldnn_rnn_layer" in str(node.target) for node in graph.graph.nodes):
            return _in_grad_mode(graph), moved, means, uses
        try:
            run = torch.jit.trace(graph, (inputs,), check_trace=False, strict=False)
        except RuntimeError:  # It knows no convolution's gradient.
            run = graph
    return run, moved, means, uses


def _in_grad_mode(graph: Any) -> Callable[[list[Any]], list[Any]]:
    """Return a graph's function that runs as autograd does, and leaves no trace of it.

    oneDNN's LSTM keeps what its gradient needs in that mode only, whatever it is asked for.
    """
    import torch

    for name in {node.target for node in graph.graph.nodes if node.op == "get_attr"}:
        value = getattr(graph, name)
        if isinstance(value, torch.Tensor):
            delattr(graph, name)
            setattr(graph, name, value.data)  # of one memory, unknown to autograd

    def function(tensors: list[Any]) -> list[Any]:
        with torch.enable_grad():
            found: list[Any] = graph(tensors)
        return found

    return function


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


def _agree(model: Any, before: _Snapshot, wanted: _Snapshot, found: _Snapshot, steps: int) -> bool:
    """Return whether steps moved everything alike, up to a share of what they moved it."""
    # What rounding changes in a step, the next ones multiply.
    tolerance = TOLERANCE * 10 ** (steps - 1)
    # Norms: where a gradient is rounding alone, Adam moves a weight by its sign. Not the metrics'
    # own variables: some of them are rounding alone.
    count = len(wanted.values) - len(model.metrics_variables)
    moved = zip(before.values[:count], wanted.values, found.values, strict=False)
    return all(
        float((b - c).double().norm()) <= tolerance * float((b - a).double().norm())
        for a, b, c in moved
    ) and np.allclose(found.logs, wanted.logs, rtol=tolerance)
