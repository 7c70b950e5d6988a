"""What every corruption promises."""

from __future__ import annotations

from abc import abstractmethod
from typing import final

from keras_ae.distributions.noise import Noise
from keras_ae.parts import Part, is_number
from keras_ae.typing import Tensor


class Corruption(Part):
    """A random map x -> x~ that keeps shape and dtype.

    The trunk corrupts inputs while it trains and while it measures a loss, never in `encode`,
    `reconstruct` or `score`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.noise = Noise()
        self.built = True

    @final
    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return the corrupted input; `training` picks which random state is drawn from."""
        return self.corrupt(x, bool(training))

    @final
    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape."""
        return input_shape

    @abstractmethod
    def corrupt(self, x: Tensor, training: bool) -> Tensor:
        """Return x~ for `x`, `(batch, *event_shape)`, in normalised units."""


def checked_rate(rate: float) -> float:
    """Return a share of entries.

    Raises:
        ValueError: It is not in [0, 1].
    """
    if not is_number(rate) or not 0.0 <= rate <= 1.0:
        raise ValueError(f"`rate` must be a share in [0, 1]. Received: rate={rate}")
    return float(rate)
