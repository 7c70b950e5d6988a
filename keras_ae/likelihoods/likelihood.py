"""What every likelihood promises."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np
from keras import ops

from keras_ae.distributions.event import sum_event
from keras_ae.distributions.noise import Noise
from keras_ae.parts import Part
from keras_ae.typing import Tensor


class Likelihood(Part):
    """A family p(x | z) whose parameters are the decoder's output.

    `channels` says how many numbers the decoder gives per number of the data: the decoder's last
    axis is that many times as long as the data's. `support` is the interval the data must lie in.
    """

    channels: int = 1
    support: tuple[float, float] = (-math.inf, math.inf)

    def __init__(self) -> None:
        super().__init__()
        self.built = True  # one with weights of its own builds them

    def check_units(self, normalize: str) -> None:
        """Refuse a scaling of the inputs that leads out of the support.

        Raises:
            ValueError: The scaling is "standard" and the support is not the whole line.
        """
        if normalize == "standard" and self.support != Likelihood.support:
            low, high = self.support
            raise ValueError(
                f"the {type(self).__name__} likelihood needs data in [{low:g}, {high:g}]. "
                "Received: normalize='standard'. Use `normalize='minmax'`."
            )

    def check_support(self, x: np.ndarray) -> None:
        """Refuse data in normalised units that the likelihood gives no probability.

        Raises:
            ValueError: An entry lies outside of the support.
        """
        low, high = self.support
        least, most = float(np.nanmin(x)), float(np.nanmax(x))
        if least < low or most > high:
            raise ValueError(
                f"data under the {type(self).__name__} likelihood must lie in "
                f"[{low:g}, {high:g}]. Received: values from {least:g} to {most:g}. Scale them, "
                "pass `normalize='minmax'`, or take another likelihood."
            )

    def log_prob(self, decoded: Tensor, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return log p(x | z), `(batch,)`, nats summed over all axes but the first.

        Args:
            decoded: Decoder output `(batch, *event_shape)`, last axis times `channels`.
            x: Data `(batch, *event_shape)`, normalised units.
            mask: 1 where `x` counts, 0 where it does not; `(batch, *leading event axes)`.
        """
        decoded, x = ops.cast(decoded, "float32"), ops.cast(x, "float32")
        return sum_event(self.elementwise_log_prob(decoded, x), mask)

    @abstractmethod
    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return the log-density of every number in `x`, nats, the shape of `x`."""

    @abstractmethod
    def mean(self, decoded: Tensor) -> Tensor:
        """Return E[x | z], `(batch, *event_shape)`, float32, normalised units."""

    @abstractmethod
    def sample(self, decoded: Tensor, noise: Noise) -> Tensor:
        """Return one draw of x for each row, `(batch, *event_shape)`, float32."""
