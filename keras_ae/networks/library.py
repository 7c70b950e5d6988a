"""Decoders of counts, of which one number of the code is the total."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.distributions import special
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.networks")
class Library(keras.layers.Layer):
    """Splits an expected total among the entries: log m = log(total) + log softmax(logits).

    The logarithm of the total is that of the data's totals, mean + deviation * u, u the code's
    number for it. Called with [u, output]: u `(batch, 1)`, and a network's output
    `(batch, k * width)`, of which the first `width` numbers are logits. Where the
    likelihood has a dispersion log r, it is a weight for each entry, put behind the log-means.

    Args:
        width: Number of entries.
        disperses: Whether there is a dispersion.
    """

    def __init__(self, width: int, disperses: bool, **options: Any) -> None:
        super().__init__(autocast=False, **options)
        self.width, self.disperses = width, disperses

    def build(self, input_shape: Any) -> None:
        """Make the weights: of the totals' distribution, and the dispersions."""
        fixed = {"shape": (), "trainable": False, "dtype": "float32"}
        self.mean = self.add_weight(name="mean", initializer="zeros", **fixed)
        self.deviation = self.add_weight(name="deviation", initializer="ones", **fixed)
        self.adapted = self.add_weight(name="adapted", initializer="zeros", **fixed)
        if self.disperses:
            self.log_size = self.add_weight(
                name="log_size", shape=(self.width,), initializer="zeros", dtype="float32"
            )

    def adapt(self, totals: np.ndarray) -> None:
        """Measure mean and deviation of the logarithms of the rows' totals, `(rows,)`."""
        logs = np.log(np.maximum(totals, 1.0))
        self.mean.assign(float(logs.mean()))
        self.deviation.assign(float(max(logs.std(), 1e-3)))
        self.adapted.assign(1.0)

    @property
    def is_adapted(self) -> bool:
        """Whether the totals were measured."""
        return bool(ops.convert_to_numpy(self.adapted))

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return log-means, dispersions if there are such, and what else the network gives."""
        total, output = (ops.cast(part, "float32") for part in inputs)
        shares = special.log_softmax(output[..., : self.width])
        log_mean = self.mean + self.deviation * total + shares
        parts = [log_mean]
        if self.disperses:
            parts.append(ops.zeros_like(log_mean) + self.log_size)
        return ops.concatenate([*parts, output[..., self.width :]], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "width": self.width, "disperses": self.disperses}


def with_library(network: keras.Model, width: int, disperses: bool) -> keras.Model:
    """Return a decoder whose codes are a number for the total and a code of the network.

    Args:
        network: From codes, perhaps joined by conditions, to `(batch, k * width)`.
        width: Number of entries of an example.
        disperses: Whether the likelihood has a dispersion.
    """
    code = keras.Input((network.input_shape[-1] + 1,), name="latent")
    total, rest = code[:, :1], code[:, 1:]
    decoded = Library(width, disperses, name="library")([total, network(rest)])
    return keras.Model(code, decoded, name="decoder")
