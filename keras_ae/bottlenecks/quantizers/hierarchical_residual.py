"""Residual quantization whose levels are drawn: hierarchical refinement."""

from __future__ import annotations

import itertools
from typing import Any

import keras
from keras import ops

from keras_ae.bottlenecks.quantizers.nearest import lowest
from keras_ae.bottlenecks.quantizers.quantizer import (
    Codes,
    Quantizer,
    levels_used,
    squared_distance,
    taken,
)
from keras_ae.bottlenecks.quantizers.vector import checked_codebook
from keras_ae.bottlenecks.temperature import Degrees, Temperature
from keras_ae.distributions import gumbel, relaxed_categorical
from keras_ae.distributions.noise import Noise
from keras_ae.parts import checked_non_negative, checked_positive, checked_share, checked_size
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class HierarchicalResidualQuantizer(Quantizer):
    """Codes of coarse to fine levels are drawn: q(k_l) is in proportion to exp(-|r_l - e_lk|^2).

    r_l is what the levels before have left over. In training draws are relaxed; outside they are
    single codes, and without a draw the nearest. Codebooks start smaller level by level, and are
    kept so. The loss of a vector is weight * sum_l KL(q(k_l) || uniform) + norm_weight / (L - 1) *
    sum_l max(norm_scale * max |e_l+1| / min |e_l| - 1, 0)^2.

    Args:
        num_codes: Size of each level's codebook K, at least 2.
        code_dim: Length of a code.
        levels: How many, at least 1.
        weight: Weight of the divergences.
        temperature: Of the relaxed draws: positive, or a Keras schedule over training steps.
        decay: How much shorter each level's codes start than the ones before, in (0, 1].
        norm_weight: Weight of what keeps a level's codes shorter than those before.
        norm_scale: By which factor.
        dropout: Share of the examples of which, in training, only some levels are used, the first
            ones; their number is drawn evenly. The others have the index -1.
        tokens: Number of code vectors when the features are a flat vector.

    Reference:
        Hosking et al. (2022), https://arxiv.org/abs/2203.03463, section 3.

    Example:
        >>> HierarchicalResidualQuantizer(16, 4, levels=3).num_codes
        (16, 16, 16)
    """

    relaxes = True

    def __init__(
        self,
        num_codes: int,
        code_dim: int,
        levels: int = 3,
        weight: float = 1.0,
        temperature: Degrees = 1.0,
        decay: float = 0.5,
        norm_weight: float = 0.5,
        norm_scale: float = 1.5,
        dropout: float = 0.3,
        tokens: int = 16,
    ) -> None:
        super().__init__(tokens)
        checked_codebook(num_codes, 0.0, 0.0)
        self.code_dim, self.stages = checked_size("code_dim", code_dim), levels
        self.sizes = (num_codes,) * checked_size("levels", levels)
        self.weight = checked_non_negative("weight", weight)
        self.norm_weight = checked_non_negative("norm_weight", norm_weight)
        self.norm_scale = checked_positive("norm_scale", norm_scale)
        self.decay = checked_share("decay", checked_positive("decay", decay))
        self.dropout = checked_share("dropout", dropout)
        self.temperature, self.noise = Temperature(temperature), Noise()

    def build_codes(self) -> None:
        """Make the codebooks, which gradients move."""
        self.codebooks = [
            self.add_weight(
                name=f"codebook_{level}",
                shape=(size, self.code_dim),
                initializer=keras.initializers.RandomNormal(
                    stddev=self.code_dim**-0.5 * self.decay**level
                ),
                dtype="float32",
                autocast=False,
            )
            for level, size in enumerate(self.sizes)
        ]

    def codes_of(
        self,
        vectors: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        sample: bool = False,
    ) -> Codes:
        """Return the sums of the levels' codes of vectors `(batch, ..., code_dim)`."""
        count = len(self.sizes)
        used = levels_used(self.noise, vectors, count, self.dropout) if training else None
        temperature = self.temperature(training=training)
        total, loss = ops.zeros_like(vectors), 0.0
        indices, errors = [], []
        for level, codebook in enumerate(map(ops.convert_to_tensor, self.codebooks)):
            logits = _closeness(vectors - total, codebook)
            rate = self.weight * relaxed_categorical.kl_uniform(logits)
            number, code = self._drawn(logits, codebook, temperature, training, sample)
            if used is not None:
                there = used > level
                code = ops.where(there[..., None], code, 0.0)
                number, rate = ops.where(there, number, -1), ops.where(there, rate, 0.0)
            total, loss = total + code, loss + rate
            indices.append(number)
            errors.append(squared_distance(*map(ops.stop_gradient, (vectors, total))))
        return Codes(
            vectors=vectors,
            codes=total,
            indices=indices[0] if len(indices) == 1 else ops.stack(indices, axis=-1),
            loss=loss + self._of_norms(),
            errors=ops.stack(errors, axis=-1),
        )

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the sums of the levels' codes, `(batch, ..., code_dim)`; -1 adds nothing."""
        several = indices if len(self.sizes) > 1 else indices[..., None]
        total: Any = 0.0
        for level, codebook in enumerate(map(ops.convert_to_tensor, self.codebooks)):
            total = total + taken(codebook, several[..., level])
        return total

    def _drawn(
        self, logits: Tensor, codebook: Tensor, temperature: Tensor, training: bool, sample: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the numbers of a level's codes, and the codes, in training weighted means."""
        if not (training or sample):
            number = lowest(-logits)
            return number, ops.take(codebook, number, axis=0)
        uniform = self.noise.uniform(ops.shape(logits), training=training)
        number = ops.cast(gumbel.category(logits, uniform), "int32")
        if not training:
            return number, ops.take(codebook, number, axis=0)
        soft = relaxed_categorical.sample(logits, temperature, uniform)
        return number, ops.matmul(soft, codebook)

    def _of_norms(self) -> Tensor:
        """Return what keeps a level's codes shorter than those before, a scalar."""
        total: Any = ops.zeros(())
        lengths = [
            ops.sqrt(ops.sum(ops.square(ops.convert_to_tensor(c)), axis=-1) + 1e-12)
            for c in self.codebooks
        ]
        for before, after in itertools.pairwise(lengths):
            ratio = self.norm_scale * ops.max(after) / ops.min(before)
            total = total + ops.square(ops.maximum(ratio - 1.0, 0.0))
        return self.norm_weight * total / max(1, len(lengths) - 1)


def _closeness(points: Tensor, codebook: Tensor) -> Tensor:
    """Return -|point - code|^2, `(..., num_codes)`."""
    squares = ops.sum(ops.square(points), axis=-1, keepdims=True)
    products = ops.matmul(points, ops.transpose(codebook))
    return 2.0 * products - squares - ops.sum(ops.square(codebook), axis=-1)
