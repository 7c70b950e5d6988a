"""Transposed convolutions whose gradients are fast on every backend."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.typing import Tensor


def conv_transpose(x: Tensor, kernel: Tensor, **options: Any) -> Tensor:
    """Return Keras's transposed convolution of `(batch, *space, channels)`.

    On JAX's CPU the gradient of the kernel that JAX derives is a convolution that XLA runs by a
    naive loop, ten times slower than the rest of a training step. Here it is that of the
    convolution whose transpose this is, with the roles of its input and its gradient exchanged.

    Args:
        x: The map, with its channels first or last.
        kernel: `(*window, filters, channels)`.
        **options: Strides, padding and the like of `keras.ops.conv_transpose`.
    """
    if keras.backend.backend() == "jax":
        import jax

        if jax.default_backend() == "cpu":
            return _on_jax(x, ops.convert_to_tensor(kernel), options)
    return ops.conv_transpose(x, kernel, **options)


def _on_jax(x: Any, kernel: Any, options: dict[str, Any]) -> Tensor:
    import jax

    def plain(x: Any, kernel: Any) -> Any:
        return ops.conv_transpose(x, kernel, **options)

    def kernel_gradient(x: Any, gradient: Any) -> Any:
        def convolution(kernel: Any) -> Any:
            (found,) = jax.linear_transpose(lambda x: plain(x, kernel), x)(gradient)
            return found

        return jax.vjp(convolution, jax.numpy.zeros_like(kernel))[1](x)[0]

    # Not `custom_vjp`, with which nothing could be differentiated forward.
    @jax.custom_jvp
    def transposed(x: Any, kernel: Any) -> Any:
        return plain(x, kernel)

    @transposed.defjvp
    def tangent(values: Any, tangents: Any) -> Any:
        (x, kernel), (x_tangent, kernel_tangent) = values, tangents
        by_kernel = jax.custom_derivatives.linear_call(plain, kernel_gradient, x, kernel_tangent)
        return transposed(x, kernel), plain(x_tangent, kernel) + by_kernel

    return transposed(x, kernel)


class _Transposed(keras.layers.Layer):
    def call(self: Any, inputs: Tensor) -> Tensor:
        """Return the map, with its bias and activation."""
        outputs = conv_transpose(
            inputs,
            self.kernel,
            strides=list(self.strides),
            padding=self.padding,
            output_padding=self.output_padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        if self.use_bias:
            axis = -1 if self.data_format == "channels_last" else 1
            shape = [1] * len(outputs.shape)
            shape[axis] = self.filters
            outputs = ops.add(outputs, ops.reshape(self.bias, shape))
        return outputs if self.activation is None else self.activation(outputs)


@keras.saving.register_keras_serializable("keras_ae.backend")
class Conv1DTranspose(_Transposed, keras.layers.Conv1DTranspose):
    """Keras's transposed convolution of series, with a fast gradient."""


@keras.saving.register_keras_serializable("keras_ae.backend")
class Conv2DTranspose(_Transposed, keras.layers.Conv2DTranspose):
    """Keras's transposed convolution of images, with a fast gradient."""


@keras.saving.register_keras_serializable("keras_ae.backend")
class Conv3DTranspose(_Transposed, keras.layers.Conv3DTranspose):
    """Keras's transposed convolution of volumes, with a fast gradient."""
