"""Networks of examples that have several modalities, side by side in one vector."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.networks.joining import joined
from keras_ae.networks.recurrent import SequenceEncoder
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.networks")
class Presence(keras.layers.Layer):
    """Says which modalities of a row are there, 1 or 0: those of which an entry is observed.

    Args:
        widths: Entries of each modality, in their order in a row.
    """

    takes_gaps = True

    def __init__(self, widths: Sequence[int], **options: Any) -> None:
        super().__init__(**options)
        self.widths, self.supports_masking = tuple(widths), True

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return `(batch, modalities)`, of rows, which begin with their entries, and a mask."""
        seen = ops.ones_like(x) if mask is None else ops.cast(mask, x.dtype)
        parts = [seen[:, start:stop] for start, stop in places(self.widths)]
        return ops.stack([ops.max(part, axis=1) for part in parts], axis=1)

    def compute_mask(self, x: Any, previous_mask: Any) -> None:
        """Return None: presences have no gaps."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "widths": list(self.widths)}


def encoder(
    networks: Sequence[keras.Model], shapes: Sequence[Shape], condition_size: int = 0
) -> keras.Model:
    """Return the features of all modalities, flattened, one after another, and their presences.

    Args:
        networks: Of each modality, from its own shape, joined by a condition if there is one.
        shapes: Of each modality.
        condition_size: Length of a condition's vector at the end of the input.
    """
    widths = [math.prod(shape) for shape in shapes]
    inputs = keras.Input((sum(widths) + condition_size,), name="x")
    told = inputs[:, sum(widths) :] if condition_size else None
    features = []
    networks = _numbered(networks)
    for network, shape, (start, stop) in zip(networks, shapes, places(widths), strict=True):
        part = ops.reshape(inputs[:, start:stop], (-1, *shape))
        found = network(joined(network, part, told))
        features.append(keras.layers.Flatten("channels_last")(found))
    present = Presence(widths, name="presence")(inputs)
    every = keras.layers.Concatenate(name="features")([*features, present])
    return SequenceEncoder(inputs, every, name="encoder")


def decoder(networks: Sequence[keras.Model], blocks: Sequence[int]) -> keras.Model:
    """Return what each modality's network makes of a code, one after another.

    Args:
        networks: Of each modality, from codes of one shape to maps whose last axis is its
            likelihood's blocks.
        blocks: How many blocks each has: each becomes a vector.
    """
    code = keras.Input(networks[0].input_shape[1:], name="latent")
    parts = []
    for network, count in zip(_numbered(networks), blocks, strict=True):
        for block in ops.split(network(code), count, axis=-1):
            parts.append(keras.layers.Flatten("channels_last")(block))
    decoded = keras.layers.Concatenate(name="decoded")(parts) if len(parts) > 1 else parts[0]
    return keras.Model(code, decoded, name="decoder")


def places(widths: Sequence[int]) -> list[tuple[int, int]]:
    """Return where parts of these widths begin and end, one after another."""
    ends = list(itertools.accumulate(widths))
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _numbered(networks: Sequence[keras.Model]) -> list[keras.Model]:
    """Return the same networks under different names, as parts of one model need them."""
    return [
        keras.Model(network.input, network.output, name=f"{network.name}_{index}")
        for index, network in enumerate(networks)
    ]
