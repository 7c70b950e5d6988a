"""Quantizers made of others: of what is left, or of parts."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.bottlenecks.quantizers.quantizer import (
    Codes,
    Quantizer,
    copies,
    levels_used,
    squared_distance,
    straight_through,
)
from keras_ae.distributions.noise import Noise
from keras_ae.parts import checked_share, checked_size
from keras_ae.typing import Tensor


class Composite(Quantizer):
    """Several quantizers of one kind.

    Args:
        base: The kind: a quantizer, of which copies with weights of their own are made.
        number: How many.
        tokens: Number of code vectors when the features are a flat vector.

    Raises:
        TypeError: `base` is no quantizer.
        ValueError: Its codes in training are not of its set.
    """

    def __init__(self, base: Quantizer, number: int, tokens: int = 16) -> None:
        super().__init__(tokens)
        self.parts = copies(base, number)
        if base.relaxes:
            raise ValueError(
                "`base` must give codes of its set in training too. Received: "
                f"{type(base).__name__}, whose codes are mixed there."
            )
        self.sizes = base.sizes * number
        self.of_batch, self.is_local = base.of_batch, base.is_local

    def build_codes(self) -> None:
        """Make the codes of each part, of vectors at the same places."""
        for part in self.parts:
            part.build((None, *self.latent_shape[:-1], part.width_of_vectors))

    @property
    def starts(self) -> bool:
        """Whether its parts start from data."""
        return self.parts[0].starts

    def split(self, indices: Tensor) -> list[Tensor]:
        """Return the indices of each part, of those of all."""
        width = len(self.sizes) // len(self.parts)
        if width == 1:
            return [indices[..., i] for i in range(len(self.parts))]
        return [indices[..., i * width : (i + 1) * width] for i in range(len(self.parts))]

    def joined(self, indices: list[Tensor]) -> Tensor:
        """Return the indices of all, of those of each part."""
        one = len(self.sizes) == len(self.parts)
        return ops.concatenate([i[..., None] if one else i for i in indices], axis=-1)


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class ResidualQuantizer(Composite):
    """Each level quantizes what the levels before have left over: z_q = sum_l q_l.

    q_l is the code of r_l = z - q_1 - ... - q_l-1. The gradient of z_q is that of z, whatever the
    number of levels, and each level has its loss at r_l, through which it pulls z.

    Args:
        base: The quantizer of a level, of which copies are made.
        levels: How many, at least 1.
        dropout: Share of the examples of which, in training, only some levels are used, the first
            ones; their number is drawn evenly. The others have the index -1.
        tokens: Number of code vectors when the features are a flat vector.

    Reference:
        Lee et al. (2022), https://arxiv.org/abs/2203.01941, section 3.1.2; Zeghidour et al.
        (2021), https://arxiv.org/abs/2107.03312, section III.C, for the dropout.

    Example:
        >>> from keras_ae.bottlenecks import VectorQuantizer
        >>> ResidualQuantizer(VectorQuantizer(16, 4), levels=3).num_codes
        (16, 16, 16)
    """

    def __init__(
        self, base: Quantizer, levels: int = 4, dropout: float = 0.0, tokens: int = 16
    ) -> None:
        super().__init__(base, checked_size("levels", levels), tokens)
        self.code_dim = base.code_dim
        self.dropout = checked_share("dropout", dropout)
        self.stages = levels
        self.scales = [base.scale_of_level(level) for level in range(levels)]
        self.noise = Noise()

    def bounded(self, vectors: Tensor) -> Tensor:
        """Return vectors in the range of the first level's codes."""
        return self.parts[0].bounded(vectors)

    def start(self, vectors: Tensor, seed: int = 0) -> None:
        """Start each level from what the levels before leave over."""
        for level, (part, scale) in enumerate(zip(self.parts, self.scales, strict=True)):
            part.start(vectors / scale, seed + level)
            vectors = ops.stop_gradient(vectors - scale * part.codes_of(vectors / scale).codes)

    def codes_of(
        self,
        vectors: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        sample: bool = False,
    ) -> Codes:
        """Return the sums of the levels' codes of vectors `(batch, ..., code_dim)`."""
        drops = training and self.dropout
        count = len(self.parts)
        used = levels_used(self.noise, vectors, count, self.dropout) if drops else None
        total, left = ops.zeros_like(vectors), vectors
        indices, losses, errors = [], [], []
        for level, (part, scale) in enumerate(zip(self.parts, self.scales, strict=True)):
            there = mask
            if used is not None:
                of_level = ops.cast(used > level, "float32")
                there = of_level if mask is None else mask * of_level
            found = part.codes_of(left / scale, there, training, sample)
            codes, number = ops.stop_gradient(found.codes) * scale, found.indices
            loss = found.loss * scale**2
            if used is not None:
                codes = codes * of_level[..., None]
                loss = loss * of_level
                wide = of_level if len(number.shape) == len(loss.shape) else of_level[..., None]
                number = ops.where(wide > 0, number, -1)
            total = total + codes
            left = vectors - total  # not a difference of differences, which rounds at each level
            indices.append(number)
            losses.append(loss)
            errors.append(ops.stop_gradient(squared_distance(vectors, total)))
        return Codes(
            vectors=vectors,
            codes=straight_through(vectors, total),
            indices=self.joined(indices),
            loss=sum(losses[1:], losses[0]),
            errors=ops.stack(errors, axis=-1),
        )

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the sums of the levels' codes, `(batch, ..., code_dim)`; -1 adds nothing."""
        if len(self.sizes) == 1:
            return self.parts[0].lookup(indices)
        of_levels = zip(self.parts, self.split(indices), self.scales, strict=True)
        return sum(part.lookup(index) * scale for part, index, scale in of_levels)


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class GroupedQuantizer(Composite):
    """Cuts each vector into parts of one length, each with a quantizer of its own.

    Of vector quantizers this is product quantization: K^groups codes by groups * K vectors.

    Args:
        base: The quantizer of a part, of which copies are made; its `code_dim` is a part's length.
        groups: Number of parts, at least 1.
        tokens: Number of code vectors when the features are a flat vector.

    Reference:
        Jegou et al. (2011), https://doi.org/10.1109/TPAMI.2010.57, section II.B.

    Example:
        >>> from keras_ae.bottlenecks import VectorQuantizer
        >>> GroupedQuantizer(VectorQuantizer(16, 4), groups=2).code_dim
        8
    """

    def __init__(self, base: Quantizer, groups: int = 2, tokens: int = 16) -> None:
        super().__init__(base, checked_size("groups", groups), tokens)
        self.code_dim = groups * base.code_dim
        self.part_dim = base.width_of_vectors

    @property
    def width_of_vectors(self) -> int:
        """Length of what is quantized."""
        return self.part_dim * len(self.parts)

    def bounded(self, vectors: Tensor) -> Tensor:
        """Return vectors whose parts are in the range of their codes."""
        parts = zip(self.parts, self._cut(vectors), strict=True)
        return ops.concatenate([part.bounded(v) for part, v in parts], axis=-1)

    def scale_of_level(self, level: int) -> float:
        """Return how much smaller the codes of a level of residuals are: as the parts have it."""
        return self.parts[0].scale_of_level(level)

    def start(self, vectors: Tensor, seed: int = 0) -> None:
        """Start each part from its part of the vectors."""
        for group, (part, of_part) in enumerate(zip(self.parts, self._cut(vectors), strict=True)):
            part.start(of_part, seed + group)

    def codes_of(
        self,
        vectors: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        sample: bool = False,
    ) -> Codes:
        """Return the codes of the parts of vectors `(batch, ..., code_dim)`, side by side."""
        found = [
            part.codes_of(of_part, mask, training, sample)
            for part, of_part in zip(self.parts, self._cut(vectors), strict=True)
        ]
        return Codes(
            vectors=ops.concatenate([one.vectors for one in found], axis=-1),
            codes=ops.concatenate([one.codes for one in found], axis=-1),
            indices=self.joined([one.indices for one in found]),
            loss=sum((one.loss for one in found[1:]), found[0].loss),
            errors=sum((one.errors for one in found[1:]), found[0].errors),
        )

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the codes of these numbers, `(batch, ..., code_dim)`."""
        if len(self.sizes) == 1:
            return self.parts[0].lookup(indices)
        parts = zip(self.parts, self.split(indices), strict=True)
        return ops.concatenate([part.lookup(index) for part, index in parts], axis=-1)

    def _cut(self, vectors: Tensor) -> list[Any]:
        return list(ops.split(vectors, len(self.parts), axis=-1))
