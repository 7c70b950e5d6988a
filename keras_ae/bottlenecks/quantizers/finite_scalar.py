"""Quantization by rounding each number of a vector to one of a few levels."""

from __future__ import annotations

from collections.abc import Sequence

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
from keras_ae.parts import checked_claim, checked_sizes
from keras_ae.typing import Tensor

SLACK = 1e-3
"""By how much more than the outermost levels a bounded number reaches."""


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class FiniteScalarQuantizer(Quantizer):
    """Each number of a vector is bounded and rounded to one of L_i levels; there is no codebook.

    A number z becomes round(tanh(z + s) (L - 1)(1 + 0.001) / 2 - o) / floor(L / 2), where o is 1/2
    for an even L, whose levels lie to one side then, and s puts 0 onto 0. With `symmetric` levels
    are the L numbers from -1 to 1 at equal distances, and z becomes the nearest to tanh(z).

    Args:
        levels: L_1, ..., L_d, whole numbers of at least 2 (3 if not symmetric).
        symmetric: Whether levels lie symmetrically about 0, also where there are an even number.
        tokens: Number of code vectors when the features are a flat vector.

    Raises:
        ValueError: There are too few levels, or more codes than an index can number.

    Reference:
        Mentzer et al. (2024), https://arxiv.org/abs/2309.15505, section 3.1 and appendix A.1;
        symmetric levels: Parker et al. (2024), https://arxiv.org/abs/2411.19842, equation 1.

    Example:
        >>> import numpy as np
        >>> quantizer = FiniteScalarQuantizer([8, 5, 5, 5])
        >>> quantizer.num_codes
        1000
    """

    def __init__(self, levels: Sequence[int], symmetric: bool = False, tokens: int = 16) -> None:
        super().__init__(tokens)
        self.levels = checked_sizes("levels", levels)
        self.symmetric = checked_claim("symmetric", symmetric)
        least = 2 if symmetric else 3
        if not self.levels or min(self.levels) < least:
            raise ValueError(
                f"`levels` must be at least {least} each"
                f"{'' if symmetric else ' (2 with `symmetric`)'}. Received: levels={levels}"
            )
        self.code_dim = len(self.levels)
        self.sizes = (radix.checked_count(self.levels),)
        wide = np.asarray(self.levels, "float64")
        half = (wide - 1.0) * (1.0 + SLACK) / 2.0
        offset = np.where(wide % 2 == 0, 0.5, 0.0)
        middle = (wide - 1.0) / 2.0 if symmetric else np.floor(wide / 2.0)
        self._last, self._middle = (wide - 1.0).astype("float32"), middle.astype("float32")
        parts = (np.arctanh(offset / half), half, offset, middle)
        self._map = [part.astype("float32") for part in parts]

    def bounded(self, vectors: Tensor) -> Tensor:
        """Return numbers in units of the code: of which the nearest level is taken."""
        if self.symmetric:
            return ops.tanh(vectors)
        shift, half, offset, middle = map(ops.convert_to_tensor, self._map)
        return (ops.tanh(vectors + shift) * half - offset) / middle

    def scale_of_level(self, level: int) -> float:
        """Return how much smaller the levels of a residual are: by L - 1 each time.

        Raises:
            ValueError: Levels are not symmetric, or of different numbers.
        """
        if level and not (self.symmetric and len(set(self.levels)) == 1):
            raise ValueError(
                "residuals need levels that are symmetric and as many for each number. Received: "
                f"levels={self.levels}, symmetric={self.symmetric}."
            )
        return float(self.levels[0] - 1) ** -level

    def codes_of(
        self,
        vectors: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        sample: bool = False,
    ) -> Codes:
        """Return the nearest levels of bounded vectors `(batch, ..., len(levels))`."""
        middle, last = map(ops.convert_to_tensor, (self._middle, self._last))
        # Rounding of what lies at the edge must not lead out of the levels.
        steps = ops.clip(ops.round(vectors * middle + middle), 0.0, last)
        digits = ops.cast(steps, "int32")
        codes = self._codes(digits)
        distance = squared_distance(vectors, codes)
        return Codes(
            vectors=vectors,
            codes=straight_through(vectors, codes),
            indices=radix.number(digits, self.levels),
            loss=ops.zeros_like(distance),
            errors=ops.stop_gradient(distance)[..., None],
        )

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the codes of these numbers, `(batch, ..., len(levels))`."""
        codes = self._codes(radix.digits(ops.maximum(indices, 0), self.levels))
        return of_numbers(codes, indices)

    def _codes(self, digits: Tensor) -> Tensor:
        middle = ops.convert_to_tensor(self._middle)
        return (ops.cast(digits, "float32") - middle) / middle
