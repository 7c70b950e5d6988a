"""Binary quantization: the signs of a vector's numbers."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_ae.bottlenecks.quantizers import radix
from keras_ae.bottlenecks.quantizers.quantizer import (
    Codes,
    Quantizer,
    of_numbers,
    squared_distance,
    straight_through,
)
from keras_ae.bottlenecks.quantizers.vector import unit
from keras_ae.parts import checked_non_negative, checked_positive, checked_size
from keras_ae.typing import Tensor

INDEX_BITS = 18
"""Of an index; more bits are numbered in groups."""


class SignQuantizer(Quantizer):
    """Each number of a vector becomes +a or -a by its sign, 0 being -: 2^bits codes.

    The loss of a vector is entropy * (H(q(code | z)) - diversity * H(mean of q(code | z))) +
    commitment * |z - sg(code)|^2, where q of a bit is sigmoid(4 tau a z): the codes' softmax of
    2 tau times the inner products, which is a product over bits. The first entropy, summed over
    bits, is exact. The second, of the mean over a batch, is that of groups of bits, an upper bound
    of that of all.

    Args:
        bits: d, length of a vector.
        entropy: Weight of the entropies, not negative.
        diversity: gamma, weight of the mean's entropy in these.
        inverse_temperature: tau.
        commitment: Weight of the commitment.
        entropy_bits: Bits of a group, whose entropy is exact; memory grows by 2^entropy_bits.
        tokens: Number of code vectors when the features are a flat vector.
    """

    def __init__(
        self,
        bits: int,
        entropy: float = 0.1,
        diversity: float = 1.0,
        inverse_temperature: float = 1.0,
        commitment: float = 0.25,
        entropy_bits: int = 8,
        tokens: int = 16,
    ) -> None:
        super().__init__(tokens)
        self.code_dim = checked_size("bits", bits)
        self.entropy = checked_non_negative("entropy", entropy)
        self.diversity = checked_non_negative("diversity", diversity)
        self.inverse_temperature = checked_positive("inverse_temperature", inverse_temperature)
        self.commitment = checked_non_negative("commitment", commitment)
        self.entropy_groups = _groups(bits, checked_size("entropy_bits", entropy_bits))
        self.index_groups = _groups(bits, INDEX_BITS)
        self.sizes = tuple(2**size for size in self.index_groups)
        self.of_batch = self.entropy * self.diversity > 0

    @property
    def amplitude(self) -> float:
        """a, of each number of a code."""
        return 1.0

    def scale_of_level(self, level: int) -> float:
        """Return how much smaller the codes of a residual are: half each time."""
        return 2.0**-level

    def codes_of(
        self,
        vectors: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        sample: bool = False,
    ) -> Codes:
        """Return the signs of vectors `(batch, ..., bits)`, times the amplitude."""
        # Not `sign`, which is 0 at 0.
        bits = ops.cast(vectors > 0, "int32")
        codes = self._codes(bits)
        distance = squared_distance(vectors, ops.stop_gradient(codes))
        loss = self.commitment * distance
        if self.entropy:
            loss = loss + self.entropy * self._entropies(vectors, mask)
        return Codes(
            vectors=vectors,
            codes=straight_through(vectors, codes),
            indices=self._numbers(bits),
            loss=loss,
            errors=ops.stop_gradient(distance)[..., None],
        )

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the codes of these numbers, `(batch, ..., bits)`."""
        several = indices if len(self.sizes) > 1 else indices[..., None]
        parts = []
        for level, size in enumerate(self.index_groups):
            number = several[..., level]
            codes = self._codes(radix.digits(ops.maximum(number, 0), (2,) * size))
            parts.append(of_numbers(codes, number))
        return ops.concatenate(parts, axis=-1)

    def _codes(self, bits: Tensor) -> Tensor:
        return self.amplitude * (2.0 * ops.cast(bits, "float32") - 1.0)

    def _numbers(self, bits: Tensor) -> Tensor:
        parts, start = [], 0
        for size in self.index_groups:
            parts.append(radix.number(bits[..., start : start + size], (2,) * size))
            start += size
        return parts[0] if len(parts) == 1 else ops.stack(parts, axis=-1)

    def _entropies(self, vectors: Tensor, mask: Tensor | None) -> Tensor:
        """Return H(q(code | z)) - diversity * H(mean q), of each vector, nats."""
        logits = 4.0 * self.inverse_temperature * self.amplitude * vectors
        certain = ops.sum(bit_entropy(logits), axis=-1)
        if not self.diversity:
            return certain
        flat = ops.reshape(logits, (-1, self.code_dim))
        weight = None if mask is None else ops.reshape(mask, (-1,))
        start, diverse = 0, 0.0
        for size in self.entropy_groups:
            diverse = diverse + mean_entropy(flat[:, start : start + size], weight)
            start += size
        return certain - self.diversity * diverse


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class LookupFreeQuantizer(SignQuantizer):
    """Each number of a vector becomes its sign, +1 or -1: 2^bits codes without a codebook.

    Reference:
        Yu et al. (2024), https://arxiv.org/abs/2310.05737, section 3.1 and equation 4; see
        `SignQuantizer` for the arguments and the loss.

    Example:
        >>> import numpy as np
        >>> LookupFreeQuantizer(10)(np.ones((2, 4, 10), "float32"))["indices"].shape == (2, 4)
        True
    """


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class BinarySphericalQuantizer(SignQuantizer):
    """Each vector of length one becomes the nearest corner of a cube: +-1 / sqrt(bits) each.

    Reference:
        Zhao et al. (2024), https://arxiv.org/abs/2406.07548, equations 3 to 9; see
        `SignQuantizer` for the arguments and the loss.

    Example:
        >>> BinarySphericalQuantizer(36).num_codes
        (262144, 262144)
    """

    @property
    def amplitude(self) -> float:
        """1 / sqrt(bits)."""
        return float(self.code_dim**-0.5)

    def bounded(self, vectors: Tensor) -> Tensor:
        """Return vectors of length one."""
        return unit(vectors)


def bit_entropy(logits: Tensor) -> Tensor:
    """Return the entropy of a bit that is 1 with probability sigmoid(logit), nats."""
    # H = softplus(|l|) - |l| sigmoid(|l|), without the difference of large numbers.
    size = ops.abs(logits)
    return ops.softplus(-size) + size * ops.sigmoid(-size)


def mean_entropy(logits: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the entropy of the mean over rows of the distributions of some bits, a scalar, nats.

    Args:
        logits: Of each bit, `(rows, bits)`.
        weight: Of each row, `(rows,)`.
    """
    joint = ops.ones_like(logits[:, :1])
    for bit in range(logits.shape[1]):
        p = ops.stack([ops.sigmoid(-logits[:, bit]), ops.sigmoid(logits[:, bit])], axis=1)
        joint = ops.reshape(joint[:, :, None] * p[:, None, :], (-1, 2 * joint.shape[1]))
    if weight is None:
        mean = ops.mean(joint, axis=0)
    else:
        total = ops.maximum(ops.sum(weight), 1e-30)
        mean = ops.sum(joint * weight[:, None], axis=0) / total
    return -ops.sum(mean * ops.log(ops.maximum(mean, 1e-30)))


def _groups(bits: int, most: int) -> tuple[int, ...]:
    """Return sizes of groups of bits, as few as there can be, nearly the same."""
    count = -(-bits // most)
    return tuple(len(part) for part in np.array_split(np.arange(bits), count))
