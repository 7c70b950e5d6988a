"""The maximum mean discrepancy of the codes from the prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import keras
from keras import ops

from keras_ae.objectives.matching import Matching, about_their_mean, squared_distances
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_positive
from keras_ae.typing import Tensor

Kernel = Literal["imq", "rbf"]


@keras.saving.register_keras_serializable("keras_ae.objectives")
class MaximumMeanDiscrepancy(Matching):
    """The squared maximum mean discrepancy of the codes from as many draws of the prior.

    Unbiased: the mean of k(z, z~) over different codes, plus that over different draws of the
    prior, less twice that of codes with draws; it may be negative. The kernel is a sum over scales
    s of C / (C + |a - b|^2) ("imq") or exp(-|a - b|^2 / C) ("rbf"), C = 2 d s^2 for codes of d
    numbers: about the squared distance of two draws of a standard normal, at s = 1.

    Args:
        weight: The term's multiplier: lambda.
        kernel: "imq" or "rbf".
        scales: s, positive.

    Reference:
        Gretton et al. (2012), https://jmlr.org/papers/v13/gretton12a.html, lemma 6; Tolstikhin et
        al. (2018), https://arxiv.org/abs/1711.01558, section 4, for C.
    """

    def __init__(
        self, weight: Weight = 1.0, kernel: Kernel = "imq", scales: Sequence[float] = (1.0,)
    ) -> None:
        super().__init__(weight, name="mmd")
        if kernel not in get_args(Kernel):
            raise ValueError(f"`kernel` must be 'imq' or 'rbf'. Received: kernel={kernel!r}")
        if isinstance(scales, str) or not hasattr(scales, "__len__") or not len(scales):
            raise ValueError(
                f"`scales` must be a list of positive numbers. Received: scales={scales!r}"
            )
        self.kind = kernel
        self.scales = tuple(checked_positive("scales", scale) for scale in scales)

    def distance(self, codes: Tensor, drawn: Tensor, training: bool) -> Tensor:
        """Return the discrepancy of two sets of vectors, a scalar."""
        return squared_mmd(codes, drawn, self.kind, self.scales)


def squared_mmd(a: Tensor, b: Tensor, kernel: str, scales: Sequence[float]) -> Tensor:
    """Return the unbiased squared discrepancy of two sets of vectors, a scalar.

    Args:
        a: `(n, d)`.
        b: `(m, d)`.
        kernel: "imq" or "rbf".
        scales: Of the kernel.
    """
    a, b = about_their_mean(a, b)
    alike = _mean_of_pairs(a, kernel, scales) + _mean_of_pairs(b, kernel, scales)
    return alike - 2.0 * ops.mean(_kernel(squared_distances(a, b), a.shape[1], kernel, scales))


def _mean_of_pairs(a: Tensor, kernel: str, scales: Sequence[float]) -> Tensor:
    """Return the mean of the kernel over pairs of different vectors; 0 of a single one."""
    values = _kernel(squared_distances(a, a), a.shape[1], kernel, scales)
    count = ops.cast(ops.shape(a)[0], "float32")
    # A vector's distance from itself is 0 but for rounding: its kernel is taken off as computed.
    total = ops.sum(values) - ops.sum(ops.diagonal(values))
    return total / ops.maximum(count * (count - 1.0), 1.0)


def _kernel(distances: Tensor, size: int, kernel: str, scales: Sequence[float]) -> Tensor:
    total: Tensor = 0.0
    for scale in scales:
        c = 2.0 * size * scale**2
        total = total + (c / (c + distances) if kernel == "imq" else ops.exp(-distances / c))
    return total
