"""Codes of whole numbers, each channel with a learned distribution of its own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from keras_ae.backend.whole_batch import over_batch
from keras_ae.bottlenecks.bottleneck import Bottleneck
from keras_ae.bottlenecks.entropy.keeps_tables import KeepsTables
from keras_ae.bottlenecks.entropy.relaxed_rounding import RelaxedRounding
from keras_ae.bottlenecks.posterior import head
from keras_ae.distributions import unit_mass
from keras_ae.distributions.event import sum_event
from keras_ae.parts import checked_claim, checked_positive, checked_size, checked_sizes
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class EntropyBottleneck(KeepsTables, Bottleneck):
    """Rounds features to whole numbers from where each channel's median is, and counts their nats.

    The distribution of a channel c is sigmoid(f_c(z)), f_c a small network whose slope is never
    negative. z - m_c is rounded, m_c the median, which follows f_c in training by a step of
    Newton's method at each; noise stands for rounding there: see `RelaxedRounding`. `nats` is -log
    of the masses of what a code's numbers are rounded to, summed over an example: the length of
    its bytes, when an entropy coder writes them. Called alone with features
    `(batch, ..., channels)` it returns `latent` and `nats`.

    Args:
        latent_dim: Number of channels, to which features are projected; None for the features'.
        filters: Widths of the network's layers.
        scale: Of the distributions at the start: about half the width of what they cover.
        relaxation: What a decoder is given in training, "noise" or "mixed".
        alpha: Hardness of soft rounding in training.
        straight: Whether channels start as the first features, as they are: where these are an
            orthonormal transform.

    Raises:
        ValueError: An argument is none of what is said.

    Reference:
        Balle et al. (2018), https://arxiv.org/abs/1802.01436, appendix 6.1.

    Example:
        >>> import numpy as np
        >>> outputs = EntropyBottleneck()(np.ones((3, 4, 4, 2), "float32"))
        >>> outputs["latent"].shape == (3, 4, 4, 2), outputs["nats"].shape == (3,)
        (True, True)
    """

    reports = ("nats",)
    is_local = True

    def __init__(
        self,
        latent_dim: int | None = None,
        filters: Sequence[int] = (3, 3, 3),
        scale: float = 10.0,
        relaxation: Literal["noise", "mixed"] = "noise",
        alpha: float = 0.0,
        straight: bool = False,
    ) -> None:
        super().__init__()
        self.to_code: keras.layers.Dense | None = None
        if latent_dim is not None:
            size = checked_size("latent_dim", latent_dim)
            self.to_code = head(size, "to_code", **start_of_codes(straight))
        self.filters = checked_sizes("filters", filters)
        self.scale = checked_positive("scale", scale)
        self.rounding = RelaxedRounding(relaxation, alpha)

    def build(self, h_shape: Any) -> None:
        """Make the distributions of the last axis's channels."""
        self.channels = int(h_shape[-1])
        if self.to_code is not None:
            self.to_code.build(h_shape)
            self.channels = self.to_code.units
        self.latent_shape = (*h_shape[1:-1], self.channels)
        self._make_distributions()
        self.built = True

    def _make_distributions(self) -> None:
        widths = (1, *self.filters, 1)
        each = self.scale ** (1.0 / (len(widths) - 1))
        given = {"dtype": "float32", "autocast": False}
        self.matrices, self.biases, self.factors = [], [], []
        for i, (old, new) in enumerate(itertools.pairwise(widths)):
            start = math.log(math.expm1(1.0 / (each * new)))
            self.matrices.append(
                self.add_weight(
                    name=f"matrix_{i}",
                    shape=(self.channels, new, old),
                    initializer=keras.initializers.Constant(start),
                    **given,
                )
            )
            uniform = keras.initializers.RandomUniform(-0.5, 0.5)
            shape = (self.channels, new)
            self.biases.append(
                self.add_weight(name=f"bias_{i}", shape=shape, initializer=uniform, **given)
            )
            if i < len(self.filters):
                self.factors.append(
                    self.add_weight(name=f"factor_{i}", shape=shape, initializer="zeros", **given)
                )
        self.medians = self.add_weight(
            name="medians", shape=(self.channels,), initializer="zeros", trainable=False, **given
        )

    def call(self, h: Tensor, training: bool = False, sample: bool = False) -> Outputs:
        """Return the code `(batch, ..., channels)` and its `nats` `(batch,)`, float32.

        Args:
            h: Features `(batch, ..., channels)`.
            training: Whether medians move, and which state of the noise is drawn from.
            sample: Whether noise stands for rounding.
        """
        if training:
            over_batch(self._follow, [])
        medians = ops.convert_to_tensor(self.medians)
        coded, decoded = self.rounding(self.vectors(h) - medians, training=training, sample=sample)
        return {"latent": decoded + medians, "nats": sum_event(-self.log_mass(coded))}

    def _follow(self) -> None:
        """Come nearer to where the logits are 0: they are nearly straight there."""
        at = ops.convert_to_tensor(self.medians)[None]
        low, middle, high = (self.logits(at + shift) for shift in (-0.5, 0.0, 0.5))
        step = ops.clip(middle / ops.maximum(high - low, unit_mass.LEAST_STEP), -1.0, 1.0)
        self.medians.assign((at - step)[0])

    def unrounded(self, h: Tensor) -> Outputs:
        """Return what is rounded of features, by name: `code`, less its medians."""
        return {"code": self.vectors(h) - ops.convert_to_tensor(self.medians)}

    def vectors(self, h: Tensor) -> Tensor:
        """Return features as the channels that are rounded, `(batch, *latent_shape)` float32."""
        return ops.cast(h if self.to_code is None else self.to_code(h), "float32")

    def log_mass(self, symbols: Tensor) -> Tensor:
        """Return the log-masses of [s - 1/2, s + 1/2], s from the medians on, nats.

        Args:
            symbols: `(..., channels)`.

        Returns:
            As many numbers, float32.
        """
        flat = ops.reshape(symbols, (-1, self.channels)) + ops.convert_to_tensor(self.medians)
        low, high = (self.logits(flat + shift) for shift in (-0.5, 0.5))
        return ops.reshape(unit_mass.between_logits(low, high), ops.shape(symbols))

    def logits(self, z: Tensor) -> Tensor:
        """Return f_c(z), the logits of the cumulative distributions, for z `(n, channels)`."""
        x = z[:, :, None]
        for i, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            slopes = ops.softplus(ops.convert_to_tensor(matrix))
            # A product of matrices as small as these is slower than what it sums up.
            x = ops.sum(slopes * x[:, :, None, :], axis=-1) + ops.convert_to_tensor(bias)
            if i < len(self.factors):
                x = x + ops.tanh(ops.convert_to_tensor(self.factors[i])) * ops.tanh(x)
        return x[:, :, 0]


def start_of_codes(straight: bool) -> dict[str, Any]:
    """Return how the linear map from features to a code starts: as it is told, or at random."""
    start = "identity" if checked_claim("straight", straight) else "glorot_uniform"
    return {"kernel_initializer": start}
