"""Transformers over patches of an example, some of which may be left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.networks import transformer
from keras_ae.networks.joining import joined
from keras_ae.parts import checked_sizes
from keras_ae.typing import Shape, Tensor

ENCODER, DECODER = "patch_encoder", "patch_decoder"


class Patches:
    """How examples of a shape are cut: series, images and volumes in blocks, tables by column.

    Args:
        event_shape: (..., channels) of an example, or (columns,).
        patch_size: Sides of a patch, one number for all axes or one for each.
        least: How many patches there must be.

    Raises:
        ValueError: Sides do not divide the example's, or there are too few patches.
    """

    def __init__(self, event_shape: Shape, patch_size: int | Sequence[int], least: int = 2) -> None:
        self.event_shape = tuple(event_shape)
        self.is_table = len(event_shape) == 1
        self.space = self.event_shape if self.is_table else self.event_shape[:-1]
        self.channels = 1 if self.is_table else self.event_shape[-1]
        sides = [patch_size] * len(self.space) if isinstance(patch_size, int) else patch_size
        self.sides = checked_sizes("patch_size", sides)
        whole = len(self.sides) == len(self.space)
        if not whole or any(n % side for n, side in zip(self.space, self.sides, strict=True)):
            raise ValueError(
                f"`patch_size` must divide the sides of an example, {self.space}. "
                f"Received: patch_size={patch_size}"
            )
        self.grid: Shape = tuple(n // side for n, side in zip(self.space, self.sides, strict=True))
        if self.count < least:
            raise ValueError(
                f"an example must have {least} patches or more. Received: {self.space} in "
                f"patches of {self.sides}"
            )

    @property
    def count(self) -> int:
        """How many patches an example has."""
        return math.prod(self.grid)

    @property
    def width(self) -> int:
        """Numbers of a patch."""
        return math.prod(self.sides) * self.channels

    def cut(self, x: Tensor) -> Tensor:
        """Return patches `(batch, count, width)` of examples, in the order of the grid."""
        axes = len(self.grid)
        split = [n for pair in zip(self.grid, self.sides, strict=True) for n in pair]
        x = ops.reshape(x, (-1, *split, self.channels))
        order = [*range(1, 2 * axes, 2), *range(2, 2 * axes + 1, 2), 2 * axes + 1]
        return ops.reshape(ops.transpose(x, (0, *order)), (-1, self.count, self.width))

    def joined(self, patches: Tensor) -> Tensor:
        """Return the examples `(batch, *event_shape)` of patches `(batch, count, width)`."""
        axes = len(self.grid)
        x = ops.reshape(patches, (-1, *self.grid, *self.sides, self.channels))
        order = [i for axis in range(axes) for i in (1 + axis, 1 + axes + axis)]
        return ops.reshape(ops.transpose(x, (0, *order, 2 * axes + 1)), (-1, *self.event_shape))

    def positions(self, width: int) -> np.ndarray:
        """Return a fixed vector for each patch: sines and cosines of its place on each axis.

        Reference: He et al. (2022), https://arxiv.org/abs/2111.06377, section 3; Vaswani et al.
        (2017), https://arxiv.org/abs/1706.03762, section 3.5, for the frequencies.
        """
        places = np.indices(self.grid).reshape(len(self.grid), -1).astype("float64")
        numbers = np.arange(width)
        axis = numbers % len(self.grid)
        rank = numbers // len(self.grid)
        pairs = max(1, math.ceil(width / len(self.grid) / 2))
        angle = places[axis].T / 10_000.0 ** ((rank // 2) / pairs)
        # In the order of its axes: torch's archives take no other.
        return np.where(rank % 2, np.cos(angle), np.sin(angle)).astype("float32", order="C")


class PatchEncoder(keras.layers.Layer):
    """What a transformer makes of each patch, given the others that are there.

    What is told of an example stands behind the last axis, and is told of each patch.

    Args:
        patches: How examples are cut.
        width: Of the tokens.
        depth: Number of layers.
        heads: Of each attention.
        covers: Whether a vector is learned that stands for a hidden patch.
    """

    def __init__(
        self, patches: Patches, width: int, depth: int, heads: int, covers: bool = False
    ) -> None:
        super().__init__(name=ENCODER)
        self.patches, self.width, self.covers = patches, width, covers
        self.embed = keras.layers.Dense(width, name="embed")
        self.network = _transformer(width, depth, heads)
        self.places = patches.positions(width)

    def build(self, input_shape: Any) -> None:
        """Make the embedding, and perhaps the vector of a hidden patch."""
        told = input_shape[-1] - self.patches.event_shape[-1]
        self.embed.build((None, self.patches.count, self.patches.width + told))
        if self.covers:
            self.hidden = _vector(self)
        self.built = True

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return tokens `(batch, count, width)` of all patches."""
        return self.network(self.tokens(x), training=training)

    def tokens(self, x: Tensor) -> Tensor:
        """Return the embedded patches with their places."""
        embedded = self._embedded(x)
        return embedded + ops.cast(ops.convert_to_tensor(self.places), embedded.dtype)

    def _embedded(self, x: Tensor) -> Tensor:
        """Return the embedded patches, each with what is told behind the last axis of x."""
        last = self.patches.event_shape[-1]
        cut, told = self.patches.cut(x[..., :last]), x[..., last:]
        if x.shape[-1] > last:
            one = ops.reshape(told, (ops.shape(x)[0], -1, told.shape[-1]))[:, :1]
            cut = ops.concatenate([cut, ops.zeros_like(cut[..., :1]) + one], axis=-1)
        return self.embed(cut)

    def seeing(self, x: Tensor, kept: Tensor, training: bool = False) -> Tensor:
        """Return tokens `(batch, kept, width)` of the patches of these numbers alone."""
        return self.network(taken(self.tokens(x), kept), training=training)

    def covered(self, x: Tensor, mask: Tensor, training: bool = False) -> Tensor:
        """Return tokens of all patches, those with a mask `(batch, count)` of 1 covered."""
        embedded = self._embedded(x)
        covered = ops.cast(ops.convert_to_tensor(self.hidden), embedded.dtype)
        embedded = ops.where(mask[..., None] > 0, covered, embedded)
        places = ops.cast(ops.convert_to_tensor(self.places), embedded.dtype)
        return self.network(embedded + places, training=training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return `(batch, count, width)`."""
        return (input_shape[0], self.patches.count, self.width)


class PatchDecoder(keras.layers.Layer):
    """What a transformer expects of each patch, of the codes of those that were seen.

    Args:
        patches: How decoded examples are cut.
        width: Of the tokens.
        depth: Number of layers; 0 for a linear map of each code.
        heads: Of each attention.
        fills: Whether a vector is learned that stands for a hidden patch.
    """

    def __init__(
        self, patches: Patches, width: int, depth: int, heads: int, fills: bool = True
    ) -> None:
        super().__init__(name=DECODER)
        self.patches, self.width, self.fills = patches, width, fills
        self.embed = keras.layers.Dense(width, name="embed")
        self.network = _transformer(width, depth, heads) if depth else None
        self.places = patches.positions(width)
        self.last = keras.layers.Dense(patches.width, name="output", dtype="float32")

    def build(self, latent_shape: Any) -> None:
        """Make the layers, and perhaps the vector of a hidden patch."""
        self.embed.build(latent_shape)
        self.last.build((None, self.patches.count, self.width))
        if self.fills:
            self.hidden = _vector(self)
        self.built = True

    def call(self, codes: Tensor, training: bool = False) -> Tensor:
        """Return the expected example of codes of all patches, `(batch, count, width)`."""
        return self._decoded(self.embed(codes), training)

    def of_seen(self, codes: Tensor, places: Tensor, training: bool = False) -> Tensor:
        """Return the expected example of the codes of the patches that were seen.

        Args:
            codes: `(batch, kept, width)`.
            places: Of each patch its number in the seen ones, then the hidden ones,
                `(batch, count)`.
            training: Whether dropout is on.
        """
        seen = self.embed(codes)
        hidden = ops.cast(ops.convert_to_tensor(self.hidden), seen.dtype)
        lacking = self.patches.count - seen.shape[1]
        filled = ops.zeros((ops.shape(seen)[0], lacking, 1), seen.dtype) + hidden
        return self._decoded(taken(ops.concatenate([seen, filled], axis=1), places), training)

    def _decoded(self, tokens: Tensor, training: bool) -> Tensor:
        if self.network is not None:
            places = ops.cast(ops.convert_to_tensor(self.places), tokens.dtype)
            tokens = self.network(tokens + places, training=training)
        return self.patches.joined(self.last(tokens))

    def compute_output_shape(self, latent_shape: Any) -> Any:
        """Return `(batch, *event_shape)`."""
        return (latent_shape[0], *self.patches.event_shape)


def _vector(layer: Any) -> Any:
    normal = keras.initializers.RandomNormal(stddev=0.02)
    return layer.add_weight(name="hidden", shape=(layer.width,), initializer=normal)


def taken(tokens: Tensor, numbers: Tensor) -> Tensor:
    """Return the tokens `(batch, n, width)` of these numbers `(batch, m)`, `(batch, m, width)`."""
    return ops.take_along_axis(tokens, ops.cast(numbers, "int32")[..., None], axis=1)


def _transformer(width: int, depth: int, heads: int) -> keras.Model:
    """Return layers of attention over sequences of any length."""
    inputs = keras.Input((None, width))
    return keras.Model(inputs, transformer.blocks(inputs, depth, heads, causal=False))


def networks(
    patches: Patches, form: str, heads: int, encoder: tuple[int, int], decoder: tuple[int, int]
) -> dict[str, Any]:
    """Return `encoder` and `decoder` of a model of patches.

    Args:
        patches: How examples are cut.
        form: "mae" or "simmim".
        heads: Of each attention.
        encoder: Its width and number of layers.
        decoder: Its width and number of layers.

    Raises:
        ValueError: The form is another, or a decoder could not tell hidden patches from seen ones.
    """
    if form not in ("mae", "simmim"):
        raise ValueError(f"`form` must be 'mae' or 'simmim'. Received: form={form!r}")
    if form == "mae" and decoder[1] == 0:
        raise ValueError(
            "without layers a decoder tells nothing of patches that the encoder did not see: of "
            "the form 'mae' `decoder_depth` must be 1 or more. Received: decoder_depth=0"
        )
    return {
        "encoder": PatchEncoder(patches, *encoder, heads, covers=form == "simmim"),
        "decoder": PatchDecoder(patches, *decoder, heads, fills=form == "mae"),
    }


def in_part(model: Any, batch: Any, training: bool) -> Any:
    """Return a pass of a model of patches that sees some of them.

    Args:
        model: With `patches`, `hiding`, and `form`: "mae" or "simmim".
        batch: Normalised rows.
        training: Whether dropout is on.
    """
    encoder, decoder = model.encoder.get_layer(ENCODER), model.decoder.get_layer(DECODER)
    hidden = model.hiding.draw(batch.x, model.patches.grid, training)
    given, sees_all = joined(model.encoder, batch.x, batch.condition), model.form == "simmim"
    if sees_all:
        outputs = model.bottleneck(encoder.covered(given, hidden.mask, training))
    else:
        outputs = model.bottleneck(encoder.seeing(given, hidden.kept, training))
    codes = joined(model.decoder, outputs["latent"], batch.condition)
    if sees_all:
        decoded = decoder(codes, training=training)
    else:
        decoded = decoder.of_seen(codes, hidden.places, training)
    made = model.normalizer.restore(model.likelihood.mean(decoded))
    return {**outputs, "decoded": decoded, "reconstruction": made, "hidden": hidden.mask}
