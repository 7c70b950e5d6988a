"""Jacobians of functions of one array, on whatever backend runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def jacobian(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """Return d function(x)[..., i] / dx[..., j], shape (..., outputs, inputs), float32.

    Args:
        function: From `(inputs,)` or `(batch, inputs)` to as many axes, `(..., outputs)`; a row
            of its result depends on the same row of its argument only.
        x: Where the derivatives are taken.
    """
    match keras.backend.backend():
        case "jax":
            rows = _on_jax(function, x)
        case "tensorflow":
            rows = _on_tensorflow(function, x)
        case _:
            rows = _on_torch(function, x)
    return np.stack(rows, axis=-2)


def _on_jax(function: Callable[[Any], Any], x: np.ndarray) -> list[np.ndarray]:
    import jax

    value, pull_back = jax.vjp(function, jax.numpy.asarray(x))
    units = (jax.numpy.zeros_like(value).at[..., i].set(1) for i in range(value.shape[-1]))
    return [np.asarray(pull_back(unit)[0]) for unit in units]


def _on_tensorflow(function: Callable[[Any], Any], x: np.ndarray) -> list[np.ndarray]:
    import tensorflow as tf

    point = tf.constant(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(point)
        outputs = tf.unstack(function(point), axis=-1)
    return [tape.gradient(y, point, unconnected_gradients="zero").numpy() for y in outputs]


def _on_torch(function: Callable[[Any], Any], x: np.ndarray) -> list[np.ndarray]:
    import torch

    point = torch.tensor(x, requires_grad=True)
    outputs = torch.unbind(function(point), dim=-1)
    return [
        torch.autograd.grad(y.sum(), point, retain_graph=True, materialize_grads=True)[0].numpy()
        for y in outputs
    ]
