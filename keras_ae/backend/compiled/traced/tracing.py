"""A training step as a program without Python, on PyTorch."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import keras

from keras_ae.backend.compiled.adam import FusedAdam
from keras_ae.backend.compiled.divided_on_torch import Divided, draws_of, is_exact
from keras_ae.backend.compiled.division import Division
from keras_ae.backend.compiled.plan import convolves
from keras_ae.backend.compiled.traced.buffers import with_buffers
from keras_ae.backend.compiled.traced.channels_last import with_channels_last
from keras_ae.backend.compiled.traced.checking import Check, State
from keras_ae.backend.compiled.traced.once import taken_out
from keras_ae.backend.compiled.traced.products import with_onednn
from keras_ae.backend.compiled.traced.replay import Replay
from keras_ae.backend.compiled.traced.simplify import simplified
from keras_ae.backend.compiled.traced.single_step import gather, is_fused, step
from keras_ae.backend.postponed import Means
from keras_ae.backend.recurrent import has_kernel
from keras_ae.backend.script import Draw, Script
from keras_ae.backend.whole_batch import Part

Program: TypeAlias = Replay | Divided

# Batches of which one must show that a program is the step.
CHECKS = 3
# Optimizers whose steps differ in tensors only; what others keep in Python a trace would freeze.
TRACEABLE = ("Adam", "AdamW", "Adagrad", "Adadelta", "Adamax", "Lion", "RMSprop", "SGD")


def is_traceable(model: Any, data: Any = (), trains: bool = True) -> bool:
    """Return whether a step has neither choices nor noise that a trace would freeze.

    Args:
        model: A compiled model.
        data: (x,), (x, y) or (x, y, sample_weight).
        trains: Whether it is a step of training, not of an evaluation.
    """
    has_mask = model.missing is not None or any(
        isinstance(a, Mapping) and "mask" in a for a in data
    )
    members = getattr(model.optimizer, "optimizers", {"": model.optimizer}).values()
    return (
        (not trains or is_fused(model) or all(map(_is_plain, members)))
        and all(isinstance(term.weight, float) for term in model.objective)
        and not any(_draws_or_loops(layer, has_mask) for layer in model._flatten_layers())
    )


def trace(
    model: Any,
    data: Any,
    rows: Any,
    division: Division | None = None,
    run: Callable[..., None] = step,
) -> Program | None:
    """Return a program of a step on batches of this size, or None if there is none.

    Args:
        model: A compiled model.
        data: All rows, as tensors.
        rows: The row numbers of a batch, a tensor.
        division: How to divide a batch where that is possible.
        run: Takes the step, of training by default.

    Returns:
        What takes steps, given the leaves of `data` and the steps' row numbers.
    """
    state = State(model)
    start = state.now()
    recurrent = [layer for layer in model._flatten_layers() if hasattr(layer, "looped")]
    for layer in recurrent:
        layer.__dict__["looped"] = False
    with Script() as script:
        run(model, gather(data, rows))
    state.put(start)
    if any(layer.looped for layer in recurrent):
        return None  # a trace would hold each step of each sequence
    count = len(keras.tree.flatten(data)[0])
    checks = [Check(model, data, (rows + i * len(rows)) % count, run) for i in range(CHECKS)]
    threads = 1 if division is None or not is_fused(model) else division.threads
    is_cpu = rows.device.type == "cpu"
    ways = itertools.product(dict.fromkeys([threads, 1]), dict.fromkeys([is_cpu, False]))
    for parts, onednn in ways:
        try:
            program: Program | None
            if parts > 1:
                program = _divided(model, data, rows, parts, onednn)
            else:
                program = _program(model, data, rows, script.draws, onednn, run)
            # A ReLU on the edge may decide otherwise for one batch, hardly for each of several.
            agrees = program is not None and any(check.is_met(program) for check in checks)
        except Exception:  # Whatever the reason, the step itself still runs.
            agrees = False
        state.put(start)
        if agrees:
            return program
    return None


def _program(
    model: Any, data: Any, rows: Any, draws: list[Draw], onednn: bool, run: Callable[..., None]
) -> Replay:
    nothing = contextlib.nullcontext()
    graph, moved, means, _ = _traced(model, data, rows, draws, nothing, onednn, run)
    once = taken_out(graph, len(moved), rows.device)
    inputs = [*keras.tree.flatten(gather(data, rows)), *(draw.again() for draw in draws)]
    if not convolves(model):
        graph = with_buffers(graph, len(moved), rows.device)
    adam = FusedAdam(model.optimizer, moved) if moved else None
    return Replay(_without_python(graph, inputs), draws, adam, means, once)


def _divided(model: Any, data: Any, rows: Any, threads: int, onednn: bool) -> Divided | None:
    if not is_exact(model, data):
        return None
    rows = rows[: len(rows) // threads]
    batch = gather(data, rows)
    draws = draws_of(model, batch)
    graph, moved, means, uses = _traced(model, data, rows, draws, Part(), onednn)
    inputs = [*keras.tree.flatten(batch), *(draw.again() for draw in draws)]
    adam = FusedAdam(model.optimizer, moved)
    return Divided(_without_python(graph, inputs), draws, adam, means, uses, threads)


def _traced(
    model: Any,
    data: Any,
    rows: Any,
    draws: list[Draw],
    part: Any,
    onednn: bool,
    run: Callable[..., None] = step,
) -> tuple[Any, list[Any], Means, list[tuple[Any, int, int]]]:
    """Return a graph of a step or a part of one, what moves beside it, its means and uses."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    given = gather(data, rows)
    leaves = keras.tree.flatten(given)
    fused = is_fused(model)
    moved: list[Any] = []
    gradients: list[Any] = []
    uses: list[tuple[Any, int, int]] = []
    means = Means(model, len(rows), steps=True)

    def take(found: list[Any], weights: list[Any]) -> None:
        # The fused kernel reads memory in its order, and a convolution's gradient is a view.
        gradients[:], moved[:] = [gradient.contiguous() for gradient in found], weights

    def function(tensors: list[Any]) -> Any:
        batch = keras.tree.pack_sequence_as(given, tensors[: len(leaves)])
        noise = Script(tensors[len(leaves) :])
        with noise, part as running, means.postponed():
            run(model, batch, take if fused else None)
        waiting = running.uses if running is not None else []
        uses[:] = [(use.function, len(use.sums), len(use.rows)) for use in waiting]
        rest = [tensor.detach() for use in waiting for tensor in (*use.sums, *use.rows)]
        # A trace without a value would be taken for idle.
        found = [*gradients, *means.of_step(torch.zeros(())), *rest]
        return found or [model.step.value.clone()]

    inputs = [*leaves, *(draw.again() for draw in draws)]
    with torch.no_grad():
        graph = make_fx(function, tracing_mode="real")(inputs)
        graph.graph.eliminate_dead_code()  # such as the reconstruction, when no metric wants it
        graph = simplified(graph)
        if onednn:
            graph = with_onednn(with_channels_last(graph) if convolves(model) else graph)
    return graph, moved, means, uses


def _without_python(graph: Any, inputs: list[Any]) -> Any:
    """Return a graph's function as a program of TorchScript, where that knows its operations."""
    import torch

    if any("mkldnn_rnn_layer" in str(node.target) for node in graph.graph.nodes):
        return _in_grad_mode(graph)
    with warnings.catch_warnings(), torch.no_grad():
        # torch 2.13 deprecates the API, whose replay is twice as fast as FX's.
        warnings.simplefilter("ignore")
        try:
            return torch.jit.trace(graph, (inputs,), check_trace=False, strict=False)
        except RuntimeError:  # It knows no convolution's gradient.
            return graph


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
