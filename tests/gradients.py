"""Gradients of a function of one array, or of weights, on whatever backend runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np


def gradient(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """Return d function(x) / dx for a function from tensor to scalar, float32."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(function)(x))
    if backend == "tensorflow":
        import tensorflow as tf

        point = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(point)
            value = function(point)
        return tape.gradient(value, point).numpy()
    import torch

    point = torch.tensor(x, requires_grad=True)
    function(point).backward()
    return point.grad.numpy()


def weight_gradients(function: Callable[[], Any], variables: Sequence[Any]) -> list[np.ndarray]:
    """Return d function() / dv for each variable of a model, float32; zeros where it has no part.

    Args:
        function: Computes a scalar from the variables; what it assigns is forgotten on JAX.
        variables: Keras variables.
    """
    match keras.backend.backend():
        case "jax":
            found = _weights_on_jax(function, variables)
        case "tensorflow":
            found = _weights_on_tensorflow(function, variables)
        case _:
            found = _weights_on_torch(function, variables)
    return [
        np.zeros(v.shape, "float32") if g is None else np.asarray(g)
        for g, v in zip(found, variables, strict=True)
    ]


def _weights_on_jax(function: Callable[[], Any], variables: Sequence[Any]) -> list[Any]:
    import jax

    def of(values: list[Any]) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function()

    return list(jax.grad(of)([v.value for v in variables]))


def _weights_on_tensorflow(function: Callable[[], Any], variables: Sequence[Any]) -> list[Any]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = function()
    found = tape.gradient(value, [v.value for v in variables])
    return [None if g is None else tf.convert_to_tensor(g).numpy() for g in found]


def _weights_on_torch(function: Callable[[], Any], variables: Sequence[Any]) -> list[Any]:
    import torch

    values = [v.value for v in variables]
    found = torch.autograd.grad(function(), values, allow_unused=True)
    return [None if g is None else g.numpy() for g in found]
