"""A training step of a model as it is, on PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from keras_ae.backend.compiled.adam import is_adam
from keras_ae.backend.compiled.blocks import map_arrays


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


def measure(model: Any, batch: Any, apply: None = None) -> None:
    """Run one step of an evaluation, in the place of `step`."""
    import torch

    with torch.no_grad():
        model.test_step(batch)


def gather(data: Any, rows: Any) -> Any:
    """Return these rows of each tensor of a structure."""
    import torch

    return map_arrays(lambda a: torch.index_select(a, 0, rows), data)


def variables(model: Any) -> list[Any]:
    """Return everything that a training step moves."""
    return [*model.variables, *model.optimizer.variables, *model.metrics_variables]
