"""Training steps traced once and replayed, on PyTorch.

Most of an eager step on a small model is Python. Tracing leaves the tensor operations, which move
the weights, the optimizer's state and the metrics in place.
"""

from __future__ import annotations

import warnings
from typing import Any

import keras
import numpy as np

from keras_ae.backend.script import Script

# Steps from which on the gain per step outweighs the time that tracing takes.
WORTH_TRACING = 500
TOLERANCE = 1e-4
# Optimizers whose steps differ in tensors only; what others keep in Python a trace would freeze.
TRACEABLE = ("Adam", "AdamW", "Adagrad", "Adadelta", "Adamax", "Lion", "RMSprop", "SGD")


def is_traceable(model: Any) -> bool:
    """Return whether a step has neither choices nor noise that a trace would freeze."""
    members = getattr(model.optimizer, "optimizers", {"": model.optimizer}).values()
    return (
        all(map(_is_plain, members))
        and all(isinstance(term.weight, float) for term in model.objective)
        and not any(map(_draws_or_loops, model._flatten_layers()))
    )


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


def _draws_or_loops(layer: Any) -> bool:
    if isinstance(layer, keras.layers.RNN):
        return True
    own_noise = "training_seed" in vars(layer)  # a part's, which is drawn outside of the trace
    seeds = [v for v in vars(layer).values() if isinstance(v, keras.random.SeedGenerator)]
    return bool(seeds) and not own_noise


class Steps:
    """Runs training steps of a model by replaying a trace of one.

    It takes the place of the model's train function. A batch of another size is traced anew; a
    model whose trace computes something else than its step is run as it is.

    Args:
        model: A compiled model.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def bind(self, batches: Any, per_call: int) -> None:
        """Put the data of a training on the device."""
        import torch
        from keras.src.backend.torch.core import get_device

        self.data = keras.tree.map_structure(
            lambda a: torch.as_tensor(a).to(get_device()), batches.arrays
        )
        # Traces hold the tensors of the weights, which loading a model may have replaced.
        self.traces: dict[int, Any] = {}

    def release(self) -> None:
        """Let go of the data."""
        self.data, self.traces = None, {}

    def __call__(self, batches: list[np.ndarray | None]) -> Any:
        """Return the logs after a step on each of these rows."""
        import torch

        for numbers in batches:
            if numbers is None:
                break
            rows = torch.from_numpy(numbers)
            batch = keras.tree.map_structure(lambda a, rows=rows: a[rows.to(a.device)], self.data)
            if len(rows) not in self.traces:
                self.traces[len(rows)] = _trace(self.model, batch)
            trace = self.traces[len(rows)]
            if trace is None:
                self.model.train_step(batch)
                continue
            replay, draws = trace
            with torch.no_grad():
                replay(*keras.tree.flatten(batch), *(draw.again() for draw in draws))
        return self.model.get_metrics_result()


def step(model: Any, batch: Any) -> Any:
    """Run one training step as Keras's trainer does, its gradients taken without `backward`."""
    import torch

    if model.phases:
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
        model.optimizer.apply(*map(list, zip(*moved, strict=True)))
        model.compute_metrics(x, y, outputs, sample_weight)


def _trace(model: Any, batch: Any) -> Any:
    """Return (replay, draws) of a step on batches of this shape, or None if it cannot be traced."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    state = _State(model)
    with Script() as script:
        step(model, batch)
    draws = script.draws
    step(model, batch)  # a second one sees what a trace of the first has frozen
    wanted = state.now()
    state.restore()
    noise = [draw.again() for draw in draws]
    leaves = keras.tree.flatten(batch)

    def function(*tensors: Any) -> Any:
        data = keras.tree.pack_sequence_as(batch, tensors[: len(leaves)])
        with Script(tensors[len(leaves) :]):
            step(model, data)
        return model.step.value.clone()  # a trace without a value would be taken for idle

    try:
        with warnings.catch_warnings(), torch.no_grad():
            # The replay by TorchScript is twice as fast as by FX; torch 2.13 deprecates its API.
            warnings.simplefilter("ignore")
            state.restore()
            graph = make_fx(function, tracing_mode="real")(*leaves, *noise)
            replay = torch.jit.trace(graph, (*leaves, *noise), check_trace=False)
            state.restore()
            for _ in range(2):
                replay(*leaves, *(draw.again() for draw in draws))
        found = state.now()
    except Exception:  # Whatever the reason, the step itself still runs.
        found = None
    state.restore()
    same = found is not None and all(
        torch.allclose(a, b, rtol=TOLERANCE, atol=1e-6) for a, b in zip(found, wanted, strict=True)
    )
    return (replay, draws) if same else None


class _State:
    """Everything that a training step moves, as it was."""

    def __init__(self, model: Any) -> None:
        groups = (model.variables, model.optimizer.variables, model.metrics_variables)
        self.variables = [v for group in groups for v in group]
        self.kept = self.now()

    def now(self) -> list[Any]:
        return [v.value.detach().clone() for v in self.variables]

    def restore(self) -> None:
        import torch

        with torch.no_grad():
            for variable, value in zip(self.variables, self.kept, strict=True):
                variable.value.copy_(value)
