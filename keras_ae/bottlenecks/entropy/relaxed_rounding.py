"""Rounding with a loss that has a gradient."""

from __future__ import annotations

from typing import Literal

import keras
from keras import ops

from keras_ae.bottlenecks.entropy import rounding
from keras_ae.distributions.noise import Noise
from keras_ae.parts import Part, checked_non_negative
from keras_ae.typing import Tensor

KINDS = ("noise", "mixed")


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class RelaxedRounding(Part):
    """Rounds numbers to whole ones; where draws are asked for adds uniform noise instead.

    A call returns what is coded and what a decoder is given. Both are whole numbers but for draws.
    Then what is coded is s(x) + u, u uniform in [-1/2, 1/2), whose density at a whole number is the
    mass of what rounds to it; a decoder is given the same ("noise"), or the number that s(x) is
    rounded to, with the gradient of s(x) ("mixed"). s is soft rounding of hardness `alpha`: the
    identity for 0. With noise a decoder is given the mean of x then, which undoes s.

    Args:
        kind: "noise" or "mixed".
        alpha: Hardness of soft rounding.

    Raises:
        ValueError: The kind is none, or the hardness negative.

    Reference:
        Balle et al. (2017), https://arxiv.org/abs/1611.01704, section 2, for noise; Minnen & Singh
        (2020), https://arxiv.org/abs/2007.08739, section 3.3, for the mixture; Agustsson & Theis
        (2020), https://arxiv.org/abs/2006.09952, section 4, for soft rounding.

    Example:
        >>> import numpy as np
        >>> coded, decoded = RelaxedRounding()(np.array([0.2, 1.7], "float32"))
        >>> keras.ops.convert_to_numpy(coded).tolist()
        [0.0, 2.0]
    """

    def __init__(self, kind: Literal["noise", "mixed"] = "noise", alpha: float = 0.0) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"`kind` must be one of {KINDS}. Received: kind={kind!r}")
        self.kind, self.alpha = kind, checked_non_negative("alpha", alpha)
        self.noise = Noise()
        self.built = True

    def call(
        self, x: Tensor, training: bool = False, sample: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return what is coded, and what a decoder is given, each of x's shape, float32.

        Args:
            x: Numbers of any shape.
            training: Which of the noise's states is drawn from.
            sample: Whether there is noise.
        """
        x = ops.cast(x, "float32")
        if not sample:
            whole = rounding.rounded(x)
            return whole, whole
        soft = rounding.soft_round(x, self.alpha)
        noisy = soft + self.noise.uniform(ops.shape(x), training=training) - 0.5
        if self.kind == "mixed":
            return noisy, rounding.rounded(soft)
        return noisy, rounding.soft_round_mean(noisy, self.alpha)
