"""Transformers over sequences of codes."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.networks.activations import gelu
from keras_ae.parts import checked_size
from keras_ae.typing import Tensor


class Positions(keras.layers.Layer):
    """Adds a learned vector for each position of a sequence."""

    def build(self, input_shape: Any) -> None:
        """Make the vectors, for sequences of this length."""
        self.vectors = self.add_weight(
            name="vectors",
            shape=tuple(input_shape[1:]),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )

    def call(self, x: Tensor) -> Tensor:
        """Return `(batch, length, width)`."""
        return x + ops.cast(ops.convert_to_tensor(self.vectors), x.dtype)


def blocks(
    x: Any, depth: int, heads: int, causal: bool, hidden: int | None = None, dropout: float = 0.0
) -> Any:
    """Return what layers of attention and of two dense layers make of sequences, normalised first.

    Args:
        x: `(batch, length, width)`.
        depth: Number of layers.
        heads: Of each attention; the width must be a multiple of it.
        causal: Whether a position sees itself and those before alone.
        hidden: Width between the dense layers; four times the sequence's when None.
        dropout: Share of what each adds that is left out in training.

    Reference:
        Vaswani et al. (2017), https://arxiv.org/abs/1706.03762, section 3; Xiong et al. (2020),
        https://arxiv.org/abs/2002.04745, for the place of the normalisation.
    """
    width = x.shape[-1]
    if checked_size("width", width) % checked_size("heads", heads):
        raise ValueError(
            f"`width` must be a multiple of `heads`. Received: width={width}, heads={heads}"
        )
    for i in range(checked_size("depth", depth)):
        normalised = keras.layers.LayerNormalization(epsilon=1e-6, name=f"norm_{i}")(x)
        attention = keras.layers.MultiHeadAttention(
            heads, width // heads, dtype=_wide_enough(), name=f"attention_{i}"
        )
        added = attention(normalised, normalised, use_causal_mask=causal)
        x = x + keras.layers.Dropout(dropout, name=f"drop_{i}")(added)
        h = keras.layers.LayerNormalization(epsilon=1e-6, name=f"mlp_norm_{i}")(x)
        h = keras.layers.Dense(hidden or 4 * width, activation=gelu, name=f"mlp_{i}")(h)
        h = keras.layers.Dense(width, name=f"mlp_out_{i}")(h)
        x = x + keras.layers.Dropout(dropout, name=f"mlp_drop_{i}")(h)
    return keras.layers.LayerNormalization(epsilon=1e-6, name="norm")(x)


def _wide_enough() -> str | None:
    """Return the type for attention: scores outgrow float16, in which JAX on a CPU has none."""
    half = keras.config.dtype_policy().compute_dtype == "float16"
    return "float32" if half else None


def of_tokens(
    length: int,
    tokens: int,
    outputs: int,
    *,
    width: int = 128,
    depth: int = 4,
    heads: int = 4,
    causal: bool = True,
    dropout: float = 0.1,
) -> keras.Model:
    """Return the network from sequences of tokens `(batch, length)` to logits of each position.

    Args:
        length: Of a sequence.
        tokens: How many tokens there are in the input.
        outputs: How many in the output.
        width: Of the layers.
        depth: Number of layers.
        heads: Of each attention.
        causal: Whether a position sees itself and those before alone.
        dropout: Share that is left out in training.
    """
    inputs = keras.Input((length,), dtype="int32", name="tokens")
    x = keras.layers.Embedding(tokens, width, name="embedding")(inputs)
    x = Positions(name="positions")(x)
    x = blocks(x, depth, heads, causal, dropout=dropout)
    logits = keras.layers.Dense(outputs, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="transformer")
