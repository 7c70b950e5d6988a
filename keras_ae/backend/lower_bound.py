"""A lower bound that lets back in what lies below it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_ae.typing import Tensor


def lower_bound(x: Tensor, bound: float) -> Tensor:
    """Return max(x, bound), whose gradient below the bound passes where a step would raise x.

    That of `maximum` is 0 there, so that what once fell below would stay. A gradient g passes
    where x >= bound or g < 0.

    Args:
        x: Any shape, float.
        bound: The least value.

    Reference:
        Balle et al. (2018), https://arxiv.org/abs/1802.01436, appendix 6.1's software; the rule is
        that of projected gradient descent.
    """
    return _bounded(keras.backend.backend())(ops.convert_to_tensor(x), float(bound))


@functools.cache
def _bounded(backend: str) -> Callable[[Tensor, float], Tensor]:
    if backend == "jax":
        return _on_jax()
    if backend == "tensorflow":
        return _on_tensorflow
    return _on_torch()


def _on_jax() -> Callable[[Tensor, float], Tensor]:
    import jax
    import jax.numpy as jnp

    @functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
    def bounded(x: Any, bound: float) -> Any:
        return jnp.maximum(x, jnp.asarray(bound, x.dtype))

    def forward(x: Any, bound: float) -> Any:
        return bounded(x, bound), x

    def backward(bound: float, x: Any, gradient: Any) -> Any:
        return (jnp.where((x >= bound) | (gradient < 0), gradient, 0),)

    bounded.defvjp(forward, backward)
    return bounded


def _on_tensorflow(x: Tensor, bound: float) -> Tensor:
    import tensorflow as tf

    @tf.custom_gradient
    def bounded(x: Any) -> Any:
        def backward(gradient: Any) -> Any:
            passes = tf.logical_or(x >= bound, gradient < 0)
            return tf.where(passes, gradient, tf.zeros_like(gradient))

        return tf.maximum(x, tf.cast(bound, x.dtype)), backward

    return bounded(tf.identity(x))  # a variable would be asked for a gradient of its own


def _on_torch() -> Callable[[Tensor, float], Tensor]:
    import torch

    class Bounded(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any, bound: float) -> Any:
            return x.clamp(min=bound)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(inputs[0])
            ctx.bound = inputs[1]

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            (x,) = ctx.saved_tensors
            passes = (x >= ctx.bound) | (gradient < 0)
            return torch.where(passes, gradient, torch.zeros_like(gradient)), None

    return Bounded.apply
