"""Maps of any size through a model that was made for small ones, tile by tile."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from keras_ae import arrays
from keras_ae.parts import is_number
from keras_ae.tiling import locality
from keras_ae.typing import Shape


class Piece(NamedTuple):
    """A tile on one axis, in places of the code's map.

    Args:
        start: Where it begins.
        stop: One behind its last place.
        first: The first place that is taken from it.
        end: One behind the last place that is taken from it.
    """

    start: int
    stop: int
    first: int
    end: int


class Tiled:
    """A trained model of small maps, for maps as large as memory is not: images, series, volumes.

    Data are cut into overlapping tiles of the model's `event_shape`, and of each tile is kept what
    no edge has changed that is not one of the data: codes and reconstructions are those of the
    same networks made for the whole. Networks must be local and do the same everywhere: those of
    convolutions are, those that see all at once (dense layers, attention, recurrence) are refused.

    Args:
        model: With codes that are maps, each place of its own: `autoencoder_kl`, `vq_gan`, or a
            quantized variant with `encoder="conv"`.
        margin: Entries that the inner edges of tiles lose; what is needed when None. A smaller one
            saves tiles and is not exact.

    Raises:
        ValueError: The model's codes are no such maps, its networks do not do the same
            everywhere, or they see farther than a tile reaches.

    Example:
        >>> import keras_ae, numpy as np
        >>> model = keras_ae.create(
        ...     "vq_vae", input_shape=(32, 32, 1), latent_dim=4, encoder="conv", hidden=[4, 4]
        ... )
        >>> large = Tiled(model)
        >>> large.reconstruct(np.ones((1, 80, 64, 1))).shape, large.encode_indices(
        ...     np.ones((1, 80, 64, 1))
        ... ).shape
        ((1, 80, 64, 1), (1, 20, 16))
    """

    def __init__(self, model: Any, margin: int | None = None) -> None:
        locality.check_local(model)
        self.model = model
        networks, places = locality.networks_of(model), model.latent_shape[:-1]
        self.strides = networks["encoder"].taken
        self.margins = {name: network.reach() for name, network in networks.items()}
        if margin is not None:
            if not is_number(margin) or margin < 0 or margin % 1:
                raise ValueError(
                    f"`margin` must be a whole number of entries. Received: margin={margin!r}"
                )
            lost = tuple(-(-int(margin) // stride) for stride in self.strides)
            self.margins = dict.fromkeys(networks, lost)
        for name, lost in self.margins.items():
            if any(2 * one + 1 >= size for one, size in zip(lost, places, strict=True)):
                raise ValueError(
                    "of a tile, what its edges change must leave two places. Received: for the "
                    f"{name}, tiles of {places} places lose {lost} at each inner edge. Make the "
                    "model for larger data, or of fewer or smaller convolutions."
                )
        if margin is None:
            locality.check_moves(model)

    def encode(self, x: Any, batch_size: int | None = None) -> np.ndarray:
        """Return codes of data `(rows, ..., channels)`, `(rows, ..., latent_dim)`.

        Args:
            x: Data, every axis at least as long as a tile and a multiple of `strides`.
            batch_size: Tiles at once.

        Raises:
            ValueError: The data have another shape.
        """
        return self._of_data(self.model.encode, x, batch_size)

    def encode_indices(self, x: Any, batch_size: int | None = None) -> np.ndarray:
        """Return the codes' numbers, `(rows, ...)`, and of several levels behind them; int32.

        Raises:
            ValueError: The data have another shape, or the model's code is not discrete.
        """
        return self._of_data(self.model.encode_indices, x, batch_size)

    def decode(self, z: Any, batch_size: int | None = None) -> np.ndarray:
        """Return E[p(x | z)] of codes `(rows, ..., latent_dim)`, data units.

        Raises:
            ValueError: The codes have another shape.
        """
        return self._of_codes(self.model.decode, "z", z, self.model.latent_shape, batch_size)

    def decode_indices(self, indices: Any, batch_size: int | None = None) -> np.ndarray:
        """Return E[p(x | z)] of codes given by their numbers, data units.

        Raises:
            ValueError: The indices have another shape, or the model's code is not discrete.
        """
        shape = getattr(self.model.bottleneck, "index_shape", self.model.latent_shape)
        return self._of_codes(self.model.decode_indices, "indices", indices, shape, batch_size)

    def reconstruct(self, x: Any, batch_size: int | None = None) -> np.ndarray:
        """Return E[p(x | z)] at the code of each row, `(rows, ..., channels)`, data units.

        Raises:
            ValueError: The data have another shape.
        """
        return self.decode(self.encode(x, batch_size), batch_size)

    def _of_data(self, function: Callable[..., Any], x: Any, batch_size: int | None) -> np.ndarray:
        x = arrays.as_numbers("x", x)
        least = self.model.event_shape
        _check_size("x", x, least, self.strides, least[-1:])
        sizes = [n // stride for n, stride in zip(x.shape[1:-1], self.strides, strict=True)]
        ones = (1,) * len(sizes)
        return self._by_tiles(function, x, sizes, "encoder", self.strides, ones, batch_size)

    def _of_codes(
        self, function: Callable[..., Any], name: str, z: Any, shape: Shape, batch_size: int | None
    ) -> np.ndarray:
        z, axes = arrays.as_numbers(name, z), len(self.strides)
        _check_size(name, z, shape, (1,) * axes, shape[axes:])
        sizes = list(z.shape[1 : 1 + axes])
        return self._by_tiles(function, z, sizes, "decoder", (1,) * axes, self.strides, batch_size)

    def _by_tiles(
        self,
        function: Callable[..., Any],
        rows: np.ndarray,
        sizes: list[int],
        network: str,
        taken: Shape,
        given: Shape,
        batch_size: int | None,
    ) -> np.ndarray:
        """Apply a function to every tile, one row after the other.

        Args:
            function: (tiles, batch size) -> what becomes of them.
            rows: Data or codes.
            sizes: Places of the code's map on each axis.
            network: "encoder" or "decoder", whose margins tiles lose.
            taken: Entries of `rows` for a place, on each axis.
            given: Entries of the result for a place, on each axis.
            batch_size: Tiles at once.
        """
        widths = self.model.latent_shape[:-1]
        axes = [
            list(pieces(size, width, margin))
            for size, width, margin in zip(sizes, widths, self.margins[network], strict=True)
        ]
        grid = list(itertools.product(*axes))
        result: Any = None
        for row, values in enumerate(rows):
            tiles = np.stack([values[_span(at, "start", "stop", taken)] for at in grid])
            made = function(tiles, batch_size)
            if result is None:
                whole = [n * each for n, each in zip(sizes, given, strict=True)]
                result = np.empty((len(rows), *whole, *made.shape[1 + len(whole) :]), made.dtype)
            for at, tile in zip(grid, made, strict=True):
                kept = [p._replace(first=p.first - p.start, end=p.end - p.start) for p in at]
                result[row][_span(at, "first", "end", given)] = tile[
                    _span(kept, "first", "end", given)
                ]
        return np.asarray(result)


def pieces(size: int, width: int, margin: int) -> Iterator[Piece]:
    """Yield tiles that cover an axis, in places.

    Args:
        size: Places of the axis, at least `width`.
        width: Places of a tile.
        margin: Places that a tile loses at an edge that is not the axis's.
    """
    start = first = 0
    while True:
        last = start + width >= size
        end = size if last else start + width - margin
        yield Piece(start, start + width, first, end)
        if last:
            return
        first, start = end, min(end - margin, size - width)


def _span(at: Any, low: str, high: str, each: Any) -> tuple[slice, ...]:
    """Return slices between two of a tile's numbers, in entries: `each` of them a place."""
    return tuple(
        slice(getattr(piece, low) * n, getattr(piece, high) * n)
        for piece, n in zip(at, each, strict=True)
    )


def _check_size(name: str, values: Any, least: Shape, multiples: Shape, last: Shape) -> None:
    """Refuse data of another rank, width, or size than tiles can cover."""
    axes = len(multiples)
    shape = tuple(values.shape)
    fits = len(shape) == 1 + axes + len(last) and shape[1 + axes :] == tuple(last)
    if fits and shape[0]:
        sizes = zip(shape[1 : 1 + axes], least[:axes], multiples, strict=True)
        if all(n >= low and not n % each for n, low, each in sizes):
            arrays.check_finite(name, values)
            return
    raise ValueError(
        f"`{name}` must have the shape (rows, *sizes{''.join(f', {n}' for n in last)}), of sizes "
        f"from {tuple(least[:axes])} on in multiples of {multiples}. Received: shape {shape}. "
        "Fill smaller or other sizes up, and cut the result."
    )
