"""Convolutions whose gradients are fast on every backend."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.typing import Tensor


def conv(x: Tensor, kernel: Tensor, **options: Any) -> Tensor:
    """Return Keras's convolution of `(batch, *space, channels)`.

    JAX on a CPU has its own way; see `backend.products`.

    Args:
        x: The map, with its channels first or last.
        kernel: `(*window, channels, filters)`.
        **options: Strides, padding and the like of `keras.ops.conv`.
    """
    if _is_jax_cpu() and _is_plain(x, kernel, options):
        from keras_ae.backend import products

        return products.conv(x, ops.convert_to_tensor(kernel), options)
    return ops.conv(x, _as_torch_lays_it(kernel), **options)


def conv_transpose(x: Tensor, kernel: Tensor, **options: Any) -> Tensor:
    """Return Keras's transposed convolution of `(batch, *space, channels)`.

    JAX on a CPU has its own way; see `backend.products`.

    Args:
        x: The map, with its channels first or last.
        kernel: `(*window, filters, channels)`.
        **options: Strides, padding and the like of `keras.ops.conv_transpose`.
    """
    if (
        _is_jax_cpu()
        and options.get("output_padding") is None
        and _is_plain(x, ops.swapaxes(kernel, -1, -2), options)
    ):
        from keras_ae.backend import products

        return products.conv_transpose(x, ops.convert_to_tensor(kernel), options)
    return ops.conv_transpose(x, _as_torch_lays_it(kernel), **options)


def _as_torch_lays_it(kernel: Any) -> Any:
    """Return a half-precision kernel whose numbers lie as torch has them: its last axes first.

    Keras turns the axes, and torch refuses the gradient of a turned kernel on a processor ("must be
    contiguous").
    """
    if keras.backend.backend() != "torch":
        return kernel
    kernel = ops.convert_to_tensor(kernel)
    if kernel.element_size() > 2:
        return kernel
    window = range(kernel.ndim - 2)
    turned = kernel.permute(kernel.ndim - 1, kernel.ndim - 2, *window).contiguous()
    return turned.permute(*(i + 2 for i in window), 1, 0)


def _is_jax_cpu() -> bool:
    if keras.backend.backend() != "jax":
        return False
    import jax

    return bool(jax.default_backend() == "cpu")


def _is_plain(x: Any, kernel: Any, options: dict[str, Any]) -> bool:
    """Return whether the channels are last and whole, and the taps of a window side by side."""
    dilation = options.get("dilation_rate", 1)
    return (
        (options.get("data_format") or keras.config.image_data_format()) == "channels_last"
        and options.get("padding", "valid") in ("same", "valid")
        and all(n == 1 for n in (dilation if isinstance(dilation, (list, tuple)) else [dilation]))
        and x.shape[-1] == kernel.shape[-2]
    )


class _Plain(keras.layers.Layer):
    def convolution_op(self: Any, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Return the map without its bias."""
        return conv(
            inputs,
            kernel,
            strides=list(self.strides),
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )


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
class Conv1D(_Plain, keras.layers.Conv1D):
    """Keras's convolution of series, with a fast gradient."""


@keras.saving.register_keras_serializable("keras_ae.backend")
class Conv2D(_Plain, keras.layers.Conv2D):
    """Keras's convolution of images, with a fast gradient."""


@keras.saving.register_keras_serializable("keras_ae.backend")
class Conv3D(_Plain, keras.layers.Conv3D):
    """Keras's convolution of volumes, with a fast gradient."""


@keras.saving.register_keras_serializable("keras_ae.backend")
class Conv1DTranspose(_Transposed, keras.layers.Conv1DTranspose):
    """Keras's transposed convolution of series, with a fast gradient."""


@keras.saving.register_keras_serializable("keras_ae.backend")
class Conv2DTranspose(_Transposed, keras.layers.Conv2DTranspose):
    """Keras's transposed convolution of images, with a fast gradient."""


@keras.saving.register_keras_serializable("keras_ae.backend")
class Conv3DTranspose(_Transposed, keras.layers.Conv3DTranspose):
    """Keras's transposed convolution of volumes, with a fast gradient."""
