"""What every likelihood promises."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np
from keras import ops

from keras_ae.distributions.event import expand_mask, sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.parts import Part
from keras_ae.typing import Shape, Tensor

OUTSIDE = 1_000.0
"""Nats by which an entry is less likely for each unit of its distance from the support."""


class Likelihood(Part):
    """A family p(x | z) whose parameters are the decoder's output.

    `support` is the interval the data must lie in, `whole` says whether they are whole numbers,
    `levels` on how many levels k / (levels - 1) they lie, 0 if on none, `masses` whether values
    have probabilities of their own and not only densities, `draws_gaps` whether missing entries
    matter to it, which are then drawn, `imputes` whether its mean is in the data's units. An entry
    outside has the value of the support's nearest point less 1000 nats for each unit of the
    distance: impossible, the more the further, and finite.
    """

    support: tuple[float, float] = (-math.inf, math.inf)
    whole: bool = False
    levels: int = 0
    masses: bool = False
    draws_gaps: bool = False
    imputes: bool = True

    def __init__(self) -> None:
        super().__init__()
        self.built = True  # one with weights of its own builds them

    def decoded_shape(self, event_shape: Shape) -> Shape:
        """Return the shape of the decoder's output for one example of this shape."""
        return event_shape

    def encoder_input(self, x: Tensor) -> Tensor:
        """Return the data as an encoder is given them: as they are, unless they are counts."""
        return x

    def entry_mask(self, mask: Tensor, x: Tensor) -> Tensor:
        """Return a mask over leading axes as one that reaches to the entries of x, float32."""
        return expand_mask(mask, x)

    def nearest(self, x: Tensor) -> Tensor:
        """Return x moved into the interval of the support, which need not make it whole."""
        return inside(x, self.support, whole=False)[0]

    def log_unit(self, log_scale: Tensor) -> Tensor:
        """Return by how much a log-density falls in units that are exp(log_scale) times smaller.

        Args:
            log_scale: For each entry of the data's last axis, `(width,)`.
        """
        return 0.0 * log_scale if self.masses else log_scale

    def check_event(self, event_shape: Shape) -> None:
        """Refuse a shape of data that the likelihood cannot hold; none by default."""

    def check_units(self, normalize: str) -> None:
        """Refuse a scaling of the inputs that leads out of the support.

        Raises:
            ValueError: The scaling is "standard" and the support is not the whole line, or there
                is one and the data must be whole numbers.
        """
        low, high = self.support
        if normalize != "none" and self.whole:
            raise ValueError(
                f"the {type(self).__name__} likelihood needs whole numbers. "
                f"Received: normalize={normalize!r}. Leave them as they are."
            )
        if normalize == "standard" and self.support != Likelihood.support:
            raise ValueError(
                f"the {type(self).__name__} likelihood needs data in [{low:g}, {high:g}]. "
                "Received: normalize='standard'. Use `normalize='minmax'`."
            )

    def scaled(self, normalize: str, width: int) -> np.ndarray:
        """Return which entries of the data's last axis a scaling moves, `(width,)`: all of them.

        Raises:
            ValueError: `check_units` refuses the scaling.
        """
        self.check_units(normalize)
        return np.ones(width, "bool")

    def check_support(self, x: np.ndarray) -> None:
        """Refuse data in normalised units that the likelihood gives no probability.

        Args:
            x: Data `(rows, *event_shape)`, NaN where an entry is not observed.

        Raises:
            ValueError: An entry lies outside of the support, or between what it may be.
        """
        x = x[~np.isnan(x)]
        if not x.size:
            return
        what, (low, high) = f"data under the {type(self).__name__} likelihood", self.support
        least, most = float(x.min()), float(x.max())
        if least < low or most > high:
            scaling = "" if self.whole else "pass `normalize='minmax'`, "
            raise ValueError(
                f"{what} must lie in [{low:g}, {high:g}]. Received: values from {least:g} to "
                f"{most:g}. Scale them, {scaling}or take another likelihood."
            )
        if self.whole and (broken := x[x % 1 != 0]).size:
            raise ValueError(
                f"{what} must be whole numbers. Received: {broken[0]:g}. "
                "Round them, or take another likelihood."
            )
        if self.levels and (broken := between_levels(x, self.levels)).size:
            steps = self.levels - 1
            raise ValueError(
                f"{what} must be levels k / {steps}. Received: {broken[0]:g}. Pass "
                f"`np.round(x * {steps}) / {steps}`, or as many `levels` as the data have."
            )

    def has_gaps(self) -> bool:
        """Return whether some numbers within the support are impossible too."""
        return bool(self.whole or self.levels)

    @abstractmethod
    def log_prob(
        self,
        decoded: Tensor,
        x: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return log p(x | z), `(batch,)`, nats summed over all axes but the first.

        Args:
            decoded: Decoder output `(batch, *decoded_shape)`.
            x: Data `(batch, *event_shape)`, normalised units.
            mask: 1 where `x` counts, 0 where it does not; `(batch, *leading event axes)`.
            training: Whether statistics of the batch advance, for a likelihood that keeps some.
            weight: Weight of each row, `(batch,)`, for a likelihood that keeps statistics of the
                batch; the value is not multiplied by it.
        """

    def at_a_draw(
        self,
        decoded: Tensor,
        x: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return log p(x | z) where codes are drawn, and rows completed by draws if it needs such.

        The arguments are `log_prob`'s, which it is unless missing entries matter.
        """
        return self.log_prob(decoded, x, mask, training, weight), None

    @abstractmethod
    def mean(self, decoded: Tensor) -> Tensor:
        """Return E[x | z], `(batch, *event_shape)`, float32, normalised units."""

    @abstractmethod
    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return one draw of x for each row, `(batch, *event_shape)`, float32."""


class Elementwise(Likelihood):
    """A likelihood under which the numbers of an example are independent, given its code.

    Its parameters are blocks of the decoder's last axis: the first for all numbers of the data's
    last axis, then the second, and so on; `channels` is their number.
    """

    channels: int = 1

    def decoded_shape(self, event_shape: Shape) -> Shape:
        """Return the shape of an example with `channels` blocks in its last axis."""
        *leading, width = event_shape
        return (*leading, width * self.channels)

    def log_prob(
        self,
        decoded: Tensor,
        x: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return the sum of the log-densities of all observed numbers, `(batch,)`, nats."""
        decoded = ops.cast(decoded, "float32")
        x, penalty = inside(ops.cast(x, "float32"), self.support, self.whole)
        return sum_event(self.elementwise_log_prob(decoded, x) - penalty, mask)

    @abstractmethod
    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return the log-density of every number in `x`, which are of the support, nats."""

    def blocks(self, decoded: Tensor, count: int | None = None) -> list[Tensor]:
        """Return the decoder's output in so many blocks, one for each channel by default."""
        return list(ops.split(ops.cast(decoded, "float32"), count or self.channels, axis=-1))


def inside(x: Tensor, support: tuple[float, float], whole: bool) -> tuple[Tensor, Tensor]:
    """Return the nearest points of a support, and what the distance from them costs, nats."""
    if support == Likelihood.support and not whole:
        return x, 0.0
    low, high = support
    nearest = ops.maximum(ops.round(x) if whole else x, low)
    if math.isfinite(high):
        nearest = ops.minimum(nearest, high)
    return nearest, OUTSIDE * ops.abs(x - nearest)


def between_levels(x: np.ndarray, levels: int) -> np.ndarray:
    """Return the numbers that are more than a thousandth of a step from k / (levels - 1)."""
    place = x * (levels - 1.0)
    # With many levels float32 is no better than this.
    apart = np.abs(place - np.round(place)) > 1e-3 + levels * 2.0**-22
    return np.asarray(x[apart])


def by_channel(decoded: Tensor, count: int) -> Tensor:
    """Return so many blocks of the last axis along an axis of their own, `(..., count, width)`."""
    *leading, last = ops.shape(decoded)
    return ops.reshape(decoded, (*leading, count, last // count))
