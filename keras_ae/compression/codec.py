"""Examples as bytes and back, by a model whose codes are whole numbers."""

from __future__ import annotations

import functools
import hashlib
import math
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from keras_ae import arrays
from keras_ae.bottlenecks import EntropyBottleneck, Hyperprior
from keras_ae.compression import coder, container, tables
from keras_ae.compression.container import Contents, StreamError
from keras_ae.compression.fixed_point import FixedPoint, on_grid
from keras_ae.compression.sized import aligned, of_size, warn_of_insides
from keras_ae.typing import Shape

MOST_NUMBERS = 2**31
"""Of the examples in a stream."""
SIZES = 4
"""How many sizes of examples a codec is ready for at once."""


class Symbols(NamedTuple):
    """Whole numbers, and the table that each is written by.

    Args:
        numbers: int64, any shape.
        table: Of the same shape.
    """

    numbers: np.ndarray
    table: np.ndarray


class Codec:
    """Writes what a model encodes as bytes, and decodes it, with the same bits on every machine.

    Tables of frequencies are measured once and kept with the model, whose `save` writes them: what
    another machine computed again might differ in a last bit. What selects a table, and where a
    number is expected, is computed in whole numbers: see `FixedPoint`. A convolutional model takes
    examples of any size.

    Args:
        model: A trained model whose bottleneck is an `EntropyBottleneck` or a `Hyperprior`.

    Raises:
        TypeError: It has another bottleneck.

    Example:
        >>> import keras_ae, numpy as np
        >>> x = np.zeros((16, 16, 3), "float32")
        >>> options = {"latent_dim": 2, "hidden": [4], "hyper_dim": 2, "hyper_hidden": [4]}
        >>> model = keras_ae.create("hyperprior_autoencoder", input_shape=(16, 16, 3), **options)
        >>> codec = Codec(model)
        >>> codec.decompress(codec.compress(x)).shape
        (16, 16, 3)
    """

    def __init__(self, model: Any) -> None:
        code = getattr(model, "bottleneck", None)
        if not isinstance(code, (EntropyBottleneck, Hyperprior)):
            raise TypeError(
                "compressing needs a model whose codes are whole numbers of known distributions. "
                f"Received: {type(model).__name__} with {type(code).__name__}. Train "
                "`hyperprior_autoencoder`"
            )
        model.normalizer.check_adapted()
        self.model = model
        self._models = functools.lru_cache(SIZES)(functools.partial(of_size, model))
        channels = code.side if isinstance(code, Hyperprior) else code
        self._medians = ops.convert_to_numpy(channels.medians).astype("float32")
        self._of_channels = tables.of_channels(channels)
        self._of_scales = tables.of_scales(code.conditional) if code is not channels else None
        self.maker = _fingerprint(model, [self._of_channels, self._of_scales])

    def compress(self, x: Any) -> bytes:
        """Return the bytes of an example, or of several of one size.

        Args:
            x: `(*event_shape)` or `(rows, *event_shape)`, data units; of a convolutional model the
                axes before the channels may have other sizes than in training.

        Raises:
            ValueError: The shape is none of the model's, or an entry is not finite.
        """
        x = arrays.as_numbers("x", x)
        arrays.check_finite("x", x)
        event = self._event(x.shape)
        model = self._model_of(event)
        if self._of_scales is not None:
            code = self.model.bottleneck
            own = self.model.event_shape, code.side.latent_shape
            warn_of_insides(model.event_shape, *own, code.kernel_size)
        # What is beyond the ends is as they are, which costs few bits.
        ends = [(0, large - n) for large, n in zip(model.event_shape, event, strict=True)]
        rows = np.pad(x.reshape(-1, *event), [(0, 0), *ends], mode="edge")
        found = model.views.run("unrounded_tensor", rows)
        found = {name: np.asarray(values, "float64") for name, values in found.items()}
        if self._of_scales is None:
            parts = [self._channels(np.rint(found["code"]))]
        else:
            side = self._channels(np.rint(found["side"]))
            table, location = self._told(model, side.numbers)
            numbers = np.rint(found["code"] - location)
            parts = [side, Symbols(numbers.astype("int64"), table)]
        sections = [
            coder.encode(part.numbers.ravel(), part.table.ravel(), of)
            for part, of in zip(parts, self._all_tables, strict=True)
        ]
        return container.packed(Contents(self.maker, x.shape, tuple(sections)))

    def decompress(self, stream: bytes) -> np.ndarray:
        """Return what bytes tell of the examples that were compressed, of their shape, float32.

        Raises:
            StreamError: They are no such stream, or not whole, or another model's.
        """
        contents = self._read(stream)
        codes = self._codes(contents)
        event = self._event(contents.shape)
        decoded = np.asarray(self._model_of(event).decode(codes))
        return decoded[(slice(None), *map(slice, event))].reshape(contents.shape)

    def codes(self, stream: bytes) -> np.ndarray:
        """Return the codes in a stream, `(rows, *latent_shape)` float32: to the bit what was meant.

        Examples of another size are continued at their ends to one that halves as the model's own.

        Raises:
            StreamError: It is none, or not whole, or another model's.
        """
        return self._codes(self._read(stream))

    def _read(self, stream: bytes) -> Contents:
        contents = container.unpacked(stream)
        if contents.maker != self.maker:
            raise StreamError(
                "a compressed stream must be read with the model that wrote it. Received: one of "
                f"the model {contents.maker.hex()}; this is {self.maker.hex()}"
            )
        if len(contents.sections) != len(self._all_tables):
            raise _forged(f"{len(contents.sections)} sections, not {len(self._all_tables)}")
        return contents

    def _codes(self, contents: Contents) -> np.ndarray:
        try:
            return self._decoded_codes(contents)
        except ValueError as error:  # of a shape that is none, or bytes that no coder wrote
            raise _forged(str(error)) from error

    def _decoded_codes(self, contents: Contents) -> np.ndarray:
        if math.prod(contents.shape) > MOST_NUMBERS:
            raise _forged(f"a shape of {contents.shape}")
        event = self._event(contents.shape)
        model = self._model_of(event)
        rows = int(np.prod(contents.shape)) // int(np.prod(event))
        code = model.bottleneck
        first = code.latent_shape if self._of_scales is None else code.side.latent_shape
        where = self._channels(np.zeros((rows, *first))).table
        numbers = self._decoded(contents.sections[0], where, self._of_channels)
        if self._of_scales is None:
            return numbers.astype("float32") + self._medians
        table, location = self._told(model, numbers)
        numbers = self._decoded(contents.sections[1], table, self._of_scales)
        return np.asarray(numbers + location, "float32")

    def _decoded(self, section: bytes, table: np.ndarray, of: tables.Tables) -> np.ndarray:
        return coder.decode(section, table.ravel(), of).reshape(table.shape)

    def _channels(self, numbers: np.ndarray) -> Symbols:
        channel = np.broadcast_to(np.arange(numbers.shape[-1]), numbers.shape)
        return Symbols(numbers.astype("int64"), channel)

    def _told(self, model: Any, side: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the tables and locations that side information tells, in whole numbers."""
        code = model.bottleneck
        told = FixedPoint(code.synthesis)(on_grid(side + self._medians))
        index = np.rint(told[..., : code.size] + code.start)
        index = np.clip(index, 0, code.conditional.levels - 1)
        location = told[..., code.size :] if code.locations else np.zeros(())
        return index.astype("int64"), location

    @property
    def _all_tables(self) -> list[tables.Tables]:
        return [self._of_channels, *([] if self._of_scales is None else [self._of_scales])]

    def _model_of(self, event: Shape) -> Any:
        """Return the model on the least examples that hold one of this shape."""
        code = self.model.bottleneck
        coarsest = code.latent_shape if self._of_scales is None else code.side.latent_shape
        return self._models(aligned(event, self.model.event_shape, coarsest))

    def _event(self, shape: Shape) -> Shape:
        """Return the shape of one example of what has a shape.

        Raises:
            ValueError: It is that of none.
        """
        rank = len(self.model.event_shape)
        if len(shape) not in (rank, rank + 1) or 0 in shape:
            raise ValueError(
                f"`x` must have the axes of one example, {self.model.event_shape}, or one more "
                f"before them. Received: shape {tuple(shape)}"
            )
        return tuple(shape[-rank:])


def _forged(what: str) -> StreamError:
    return StreamError(
        "a compressed stream must hold what this model writes. Received: one with the right "
        f"checksum and impossible contents: {what}"
    )


def _fingerprint(model: Any, kept: list[tables.Tables | None]) -> bytes:
    """Return 8 bytes that tell models apart: of what turns symbols into examples."""
    digest = hashlib.sha256()
    for part in (model.bottleneck, model.decoder):
        for weight in part.weights:
            digest.update(np.ascontiguousarray(ops.convert_to_numpy(weight)).tobytes())
    for table in kept:
        for array in table or ():
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()[: container.MAKER_BYTES]
