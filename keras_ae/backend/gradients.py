"""Gradients by a function's argument that are part of what is computed."""

from __future__ import annotations

from collections.abc import Callable

import keras

from keras_ae.typing import Tensor


def gradient_of(function: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """Return the gradient of sum(function(z)) by z, of z's shape.

    Where a row of the value depends on the same row of z only, it is each row's own. It can be
    differentiated again, by z and by whatever else the function depends on. The function may
    not move state, and its recurrent layers have to be `written_out`.

    Args:
        function: From a float tensor `(batch, ...)` to `(batch,)`.
        z: Where the gradient is taken.
    """
    z = keras.ops.convert_to_tensor(z)
    # Not a `match`, which TensorFlow's AutoGraph cannot read, and says so.
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(lambda point: function(point).sum())(z)
    if keras.backend.backend() == "tensorflow":
        return _on_tensorflow(function, z)
    return _on_torch(function, z)


def _on_tensorflow(function: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(z)
        total = tf.reduce_sum(function(z))
    return tape.gradient(total, z, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _on_torch(function: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    import torch

    differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        # Detached first, since `requires_grad_` would mark the caller's tensor.
        point = z if z.requires_grad else z.detach().requires_grad_()
        total = function(point).sum()
        if not total.requires_grad:
            return torch.zeros_like(z)
        (found,) = torch.autograd.grad(
            total, point, create_graph=differentiable, materialize_grads=True
        )
    return found if differentiable else found.detach()
