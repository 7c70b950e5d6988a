"""Convolutions that see a map's places above and to the left alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.networks import stages
from keras_ae.typing import Tensor


def of_tokens(
    shape: Sequence[int],
    tokens: int,
    *,
    filters: int = 64,
    depth: int = 6,
    kernel_size: int = 5,
    dropout: float = 0.1,
) -> keras.Model:
    """Return the network from maps of tokens `(batch, height, width)` to logits of each place.

    Logits of a place depend on the places before it alone, in the order of rows. Two stacks see
    these: one the rows above, one what is to the left in the row, each so far as `depth` kernels of
    half a `kernel_size` reach.

    Args:
        shape: (height, width).
        tokens: How many tokens there are.
        filters: Of each layer.
        depth: Number of layers.
        kernel_size: Of the first layer and of the others, odd.
        dropout: Share of each layer's output that is left out in training.

    Reference:
        van den Oord et al. (2016), https://arxiv.org/abs/1606.05328, sections 2.1 and 2.2, figure
        2.
    """
    inputs = keras.Input(tuple(shape), dtype="int32", name="tokens")
    above = left = keras.layers.Embedding(tokens, filters, name="embedding")(inputs)
    side = kernel_size // 2
    conv = stages.layer("Conv", 2)
    for i in range(depth):
        # The first layer does not see its own place; the others see what they have made there.
        own = 0 if i == 0 else 1
        v = _padded(above, (side, 0), (side, side))
        v = conv(2 * filters, (side + 1, kernel_size), name=f"above_{i}")(v)
        shifted = _cropped(((0, 1), (0, 0)))(_padded(v, (1, 0), (0, 0)))
        h = _padded(left, (0, 0), (side + 1 - own, 0))
        if not own:
            h = _cropped(((0, 0), (0, 1)))(h)
        h = conv(2 * filters, (1, side + 1), name=f"left_{i}")(h)
        h = h + conv(2 * filters, 1, name=f"join_{i}")(shifted)
        h = conv(filters, 1, name=f"out_{i}")(Gate(name=f"gate_{i}")(h))
        h = keras.layers.Dropout(dropout, name=f"drop_{i}")(h)
        left = h if i == 0 else left + h
        above = Gate(name=f"gate_above_{i}")(v)
    x = keras.layers.Activation("relu", name="bent")(left)
    x = conv(filters, 1, activation="relu", name="mix")(x)
    logits = conv(tokens, 1, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="pixel_cnn")


class Gate(keras.layers.Layer):
    """tanh(a) sigmoid(b), of the two halves of the channels."""

    def call(self, x: Tensor) -> Tensor:
        """Return maps of half as many channels."""
        a, b = ops.split(x, 2, axis=-1)
        return ops.tanh(a) * ops.sigmoid(b)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of half as many channels."""
        return (*input_shape[:-1], input_shape[-1] // 2)


def _cropped(edges: Any) -> Any:
    return keras.layers.Cropping2D(edges, data_format="channels_last")


def _padded(x: Any, rows: tuple[int, int], columns: tuple[int, int]) -> Any:
    return keras.layers.ZeroPadding2D((rows, columns), data_format="channels_last")(x)
