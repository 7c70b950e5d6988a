"""Recurrent networks that read a sequence into a vector and write it out again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_ae.backend.recurrent import GRU, LSTM
from keras_ae.typing import Shape


@keras.saving.register_keras_serializable("keras_ae.networks")
class SequenceEncoder(keras.Model):
    """A functional model that takes a mask over steps and gives a vector, which has none."""

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """Return None: behind the last state there are no steps left to mask."""


def encoder(
    input_shape: Shape,
    *,
    hidden: Sequence[int] = (64,),
    cell: str = "lstm",
    bidirectional: bool = False,
) -> keras.Model:
    """Return the last state of a stack of recurrent layers, a vector.

    A mask `(batch, time)` given with the input leaves masked steps out of the state.

    Args:
        input_shape: (time steps, features).
        hidden: Units of each layer, from the input on; at least one.
        cell: "lstm" or "gru".
        bidirectional: Whether each layer also reads backwards.

    Raises:
        ValueError: The shape is not (time, features), or the cell is unknown.
    """
    _check(input_shape, hidden)
    x = inputs = keras.Input(input_shape, name="x")
    for i, units in enumerate(hidden):
        layer = _cell(cell)(units, return_sequences=i < len(hidden) - 1, name=f"recurrent_{i}")
        if bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"both_ways_{i}")
        x = layer(x)
    return SequenceEncoder(inputs, x, name="encoder")


def decoder(
    latent_shape: Shape,
    output_shape: Shape,
    *,
    hidden: Sequence[int] = (64,),
    cell: str = "lstm",
) -> keras.Model:
    """Return a stack of recurrent layers that is given the code at every step; linear last.

    Args:
        latent_shape: Shape of one code; flattened.
        output_shape: (time steps, features).
        hidden: The encoder's units.
        cell: "lstm" or "gru".

    Raises:
        ValueError: The shape is not (time, features), or the cell is unknown.
    """
    _check(output_shape, hidden)
    steps, features = output_shape
    x = inputs = keras.Input(latent_shape, name="latent")
    x = keras.layers.Flatten("channels_last", name="flatten")(x)
    x = keras.layers.RepeatVector(steps, name="repeat")(x)
    for i, units in reversed(list(enumerate(hidden))):
        x = _cell(cell)(units, return_sequences=True, name=f"recurrent_{i}")(x)
    x = keras.layers.Dense(features, name="output")(x)
    return keras.Model(inputs, x, name="decoder")


def _check(shape: Shape, hidden: Sequence[int]) -> None:
    if len(shape) != 2:
        raise ValueError(
            "a recurrent network needs sequences of the shape (time steps, features). "
            f"Received: {tuple(shape)}. Reshape the data, or use 'mlp'."
        )
    if not hidden:
        raise ValueError("a recurrent network needs at least one layer. Received: hidden=[]")


def _cell(cell: str) -> Any:
    if cell not in ("lstm", "gru"):
        raise ValueError(f"`cell` must be 'lstm' or 'gru'. Received: cell={cell!r}")
    return LSTM if cell == "lstm" else GRU
