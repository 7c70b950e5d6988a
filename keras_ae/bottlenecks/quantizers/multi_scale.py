"""Quantization of a map at several scales, each of what the coarser ones have left over."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_ae.bottlenecks.quantizers.quantizer import (
    Codes,
    Quantizer,
    copies,
    of_example,
    squared_distance,
    straight_through,
)
from keras_ae.parts import checked_sizes
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class MultiScaleQuantizer(Quantizer):
    """Writes a map as maps of codes from coarse to fine: z_q = sum_s up(q_s).

    At each scale what is left of the map is averaged down to that size, quantized by one codebook
    for all scales, and what the codes are when brought back up, linearly, is taken off. Indices of
    a row are those of all scales, one map after another.

    Args:
        base: The quantizer of all scales, of one index a vector.
        scales: Side lengths of square maps, rising to that of the features.
        tokens: Not used: features must be square maps.

    Reference:
        Tian et al. (2024), https://arxiv.org/abs/2404.02905, algorithms 1 and 2, without its
        convolutions after bringing up.

    Example:
        >>> import numpy as np
        >>> from keras_ae.bottlenecks import VectorQuantizer
        >>> quantizer = MultiScaleQuantizer(VectorQuantizer(8, 3), [1, 2, 4])
        >>> quantizer(np.ones((2, 4, 4, 3), "float32"))["indices"].shape == (2, 21)
        True
    """

    is_local = False

    def __init__(self, base: Quantizer, scales: Sequence[int], tokens: int = 16) -> None:
        super().__init__(tokens)
        (self.part,) = copies(base, 1)
        if len(base.sizes) != 1 or base.relaxes or base.width_of_vectors != base.code_dim:
            raise ValueError(
                "`base` must give one code of its set for each vector. Received: "
                f"{type(base).__name__} of {len(base.sizes)} indices."
            )
        self.scales = checked_sizes("scales", scales)
        if not self.scales or list(self.scales) != sorted(set(self.scales)):
            raise ValueError(f"`scales` must rise. Received: scales={scales}")
        self.stages = len(self.scales)
        self.code_dim, self.sizes, self.of_batch = base.code_dim, base.sizes, base.of_batch

    def build_codes(self) -> None:
        """Make the codes.

        Raises:
            ValueError: Features are not square maps of the last scale's side.
        """
        side = self.scales[-1]
        if self.latent_shape[:-1] != (side, side):
            raise ValueError(
                f"features must be maps of ({side}, {side}), the last scale. Received: "
                f"{self.latent_shape[:-1]}"
            )
        self.part.build((None, side, side, self.code_dim))
        self.down = [_averages(side, scale) for scale in self.scales]
        self.up = [_lines(scale, side) for scale in self.scales]

    @property
    def index_shape(self) -> Shape:
        """Shape of one example's indices: all maps, flat."""
        return (sum(scale * scale for scale in self.scales),)

    def bounded(self, vectors: Tensor) -> Tensor:
        """Return vectors in the range of the codes."""
        return self.part.bounded(vectors)

    def start(self, vectors: Tensor, seed: int = 0) -> None:
        """Start the codes from vectors of the finest scale."""
        self.part.start(vectors, seed)

    def codes_of(
        self,
        vectors: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        sample: bool = False,
    ) -> Codes:
        """Return the sums of the scales' codes of maps `(batch, side, side, code_dim)`.

        Raises:
            ValueError: There is a mask.
        """
        if mask is not None:
            raise ValueError("maps of several scales take no mask. Received: one.")
        total = ops.zeros_like(vectors)
        given, errors = [], []
        for scale, down, up in zip(self.scales, self.down, self.up, strict=True):
            left = _resized(vectors - total, down)
            codes = self.part.codes_of(left, None, False, sample).codes
            total = total + _resized(ops.stop_gradient(codes), up)
            given.append(ops.reshape(left, (-1, scale * scale, self.code_dim)))
            errors.append(ops.stop_gradient(squared_distance(vectors, total)))
        # Once for all scales, so that the codes move once, after all were chosen.
        found = self.part.codes_of(ops.concatenate(given, axis=1), None, training, sample)
        return Codes(
            vectors=vectors,
            codes=straight_through(vectors, total),
            indices=found.indices,
            loss=of_example(ops.sum(found.loss, axis=1), vectors[..., 0]),
            errors=ops.stack(errors, axis=-1),
        )

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the sums of the scales' codes, `(batch, side, side, code_dim)`."""
        total, start = 0.0, 0
        for scale, up in zip(self.scales, self.up, strict=True):
            numbers = indices[:, start : start + scale * scale]
            codes = self.part.lookup(ops.reshape(numbers, (-1, scale, scale)))
            total, start = total + _resized(codes, up), start + scale * scale
        return total


def _resized(maps: Tensor, matrix: np.ndarray) -> Tensor:
    """Return maps `(batch, side, side, channels)` whose sides a matrix has changed."""
    (to, side), channels = matrix.shape, maps.shape[-1]
    # Not by `einsum`, nor with the matrix last: LiteRT and ONNX make wrong shapes of these.
    m = ops.convert_to_tensor(matrix)
    rows = ops.matmul(m, ops.reshape(maps, (-1, side, side * channels)))
    rows = ops.transpose(ops.reshape(rows, (-1, to, side, channels)), (0, 2, 1, 3))
    both = ops.matmul(m, ops.reshape(rows, (-1, side, to * channels)))
    return ops.transpose(ops.reshape(both, (-1, to, to, channels)), (0, 2, 1, 3))


def _averages(side: int, scale: int) -> np.ndarray:
    """Return the matrix of means over cells: how much of each of `scale` cells a place covers."""
    edges = np.arange(scale + 1) * side / scale
    places = np.arange(side)
    low = np.maximum(edges[:-1, None], places)
    high = np.minimum(edges[1:, None], places + 1)
    return (np.maximum(high - low, 0.0) * scale / side).astype("float32")


def _lines(scale: int, side: int) -> np.ndarray:
    """Return the matrix of linear interpolation between the middles of cells, flat at the ends."""
    middles = (np.arange(side) + 0.5) * scale / side - 0.5
    places = np.clip(middles, 0, scale - 1)
    weights = np.maximum(0.0, 1.0 - abs(places[:, None] - np.arange(scale)))
    return weights.astype("float32")
