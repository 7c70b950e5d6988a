"""How evenly the codes of a quantizer are used, over all rows so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.backend.whole_batch import over_batch
from keras_ae.typing import Tensor

MOST_CODES = 2**18
"""Codes of a level whose uses are counted, at most."""

DEAD = 0.1
"""A code is dead that is used less than this share of even use."""


@keras.saving.register_keras_serializable("keras_ae")
class CodeUsage(keras.metrics.Metric):
    """Perplexity, shares of used and of dead codes, and how much larger codes are than errors.

    `perplexity` is exp(H) of the codes' shares, the mean over levels; `code_usage` the share of the
    codes that were used at all; `dead_codes` of those used less than a tenth as often as if all
    were used evenly. `snr` is 10 log10 of the mean squared length of the quantized vectors over
    that of the errors, decibels; of several stages `snr_1`, ... after each.

    Args:
        sizes: Numbers of codes of each level; levels of more than 262,144 are not counted.
        stages: How many errors a row has.
    """

    def __init__(self, sizes: Sequence[int], stages: int, name: str = "code_usage") -> None:
        super().__init__(name=name)
        self.sizes, self.stages = tuple(sizes), stages
        self.levels = [i for i, size in enumerate(self.sizes) if size <= MOST_CODES]
        self.uses = [
            self.add_variable((self.sizes[i],), "zeros", name=f"uses_{i}") for i in self.levels
        ]
        self.signal = self.add_variable((), "zeros", name="signal")
        self.noise = self.add_variable((stages,), "zeros", name="noise")

    def update_state(self, indices: Tensor, signal: Tensor, errors: Tensor) -> None:
        """Add a batch.

        Args:
            indices: Of the codes, int32 `(batch, ...)` or `(batch, ..., levels)`; -1 is none.
            signal: Squared lengths, `(batch,)`.
            errors: Squared distances, `(batch, stages)`.
        """
        width = len(self.sizes)
        flat = ops.reshape(indices, (-1, width))
        counts = []
        for level in self.levels:
            numbers = flat[:, level]
            there = ops.cast(numbers >= 0, "float32")
            segments = ops.maximum(numbers, 0)
            counts.append(ops.segment_sum(there, segments, num_segments=self.sizes[level]))
        over_batch(self._add, [*counts, ops.sum(signal), ops.sum(errors, axis=0)])

    def _add(self, *sums: Tensor) -> None:
        *counts, signal, noise = sums
        for uses, count in zip(self.uses, counts, strict=True):
            uses.assign(ops.add(uses, count))
        self.signal.assign(ops.add(self.signal, signal))
        self.noise.assign(ops.add(self.noise, noise))

    def result(self) -> dict[str, Tensor]:
        """Return the numbers by name."""
        found: dict[str, Any] = {}
        if self.levels:
            each = [_of_level(ops.convert_to_tensor(uses)) for uses in self.uses]
            for name in ("perplexity", "code_usage", "dead_codes"):
                values = [level[name] for level in each]
                found[name] = sum(values[1:], values[0]) / len(values)
        ratio = ops.maximum(self.signal, 1e-30) / ops.maximum(self.noise, 1e-30)
        decibels = (10.0 / math.log(10.0)) * ops.log(ratio)
        names = ["snr"] if self.stages == 1 else [f"snr_{i + 1}" for i in range(self.stages)]
        return {**found, **{name: decibels[i] for i, name in enumerate(names)}}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"sizes": list(self.sizes), "stages": self.stages, "name": self.name}


def _of_level(uses: Tensor) -> dict[str, Tensor]:
    total = ops.maximum(ops.sum(uses), 1.0)
    shares = uses / total
    entropy = -ops.sum(shares * ops.log(ops.maximum(shares, 1e-30)))
    even = DEAD / uses.shape[0]
    return {
        "perplexity": ops.exp(entropy),
        "code_usage": ops.mean(ops.cast(uses > 0, "float32")),
        "dead_codes": ops.mean(ops.cast(shares < even, "float32")),
    }
