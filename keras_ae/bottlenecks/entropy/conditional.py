"""Codes of whole numbers, each with a distribution that something else tells."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, Literal, final

import keras
import numpy as np
from keras import ops

from keras_ae.backend.lower_bound import lower_bound
from keras_ae.bottlenecks.entropy.keeps_tables import KeepsTables
from keras_ae.bottlenecks.entropy.relaxed_rounding import RelaxedRounding
from keras_ae.distributions import unit_mass
from keras_ae.distributions.event import sum_event
from keras_ae.parts import Part, checked_positive, checked_size
from keras_ae.typing import Outputs, Tensor


class Conditional(KeepsTables, Part):
    """Rounds numbers from where their locations are, and counts their nats by their scales.

    Scales are told by an index i >= 0: scale = least * (most / least)^(i / (levels - 1)). Indices
    that are not whole are for training; outside of it the nearest whole one is meant, of which an
    entropy coder has a table. An index below 0 is 0, with a gradient that lets it come back.

    Args:
        levels: Number of scales.
        least: The least scale.
        most: The greatest.
        relaxation: What a decoder is given in training, "noise" or "mixed": see `RelaxedRounding`.
        alpha: Hardness of soft rounding in training.

    Raises:
        ValueError: An argument is none of what is said.
    """

    def __init__(
        self,
        levels: int = 64,
        least: float = 0.11,
        most: float = 256.0,
        relaxation: Literal["noise", "mixed"] = "noise",
        alpha: float = 0.0,
    ) -> None:
        super().__init__()
        self.levels, self.least = checked_size("levels", levels), checked_positive("least", least)
        if self.levels < 2 or not checked_positive("most", most) > least:
            raise ValueError(
                "scales must be two or more from `least` to a greater `most`. Received: "
                f"levels={levels}, least={least}, most={most}"
            )
        self.step = math.log(most / least) / (self.levels - 1)
        self.rounding = RelaxedRounding(relaxation, alpha)
        self.built = True

    @abstractmethod
    def log_mass(self, symbols: Tensor, scales: Tensor) -> Tensor:
        """Return the log-masses of [s - 1/2, s + 1/2] for the location 0, nats."""

    @property
    def scales(self) -> np.ndarray:
        """Of all indices, `(levels,)` float64."""
        return np.asarray(self.least * np.exp(self.step * np.arange(self.levels)))

    @final
    def call(
        self,
        y: Tensor,
        indices: Tensor,
        location: Tensor | None = None,
        training: bool = False,
        sample: bool = False,
    ) -> Outputs:
        """Return the code `latent` `(batch, ...)`, and its `nats` `(batch,)`, float32.

        Args:
            y: Numbers `(batch, ...)`.
            indices: Of their scales, as many.
            location: Where they are expected, as many; 0 when None.
            training: Which state of the noise is drawn from.
            sample: Whether noise stands for rounding.
        """
        y, indices = ops.cast(y, "float32"), ops.cast(indices, "float32")
        where: Any = 0.0 if location is None else ops.cast(location, "float32")
        coded, decoded = self.rounding(y - where, training=training, sample=sample)
        if not sample:
            indices = ops.round(indices)
        # The same bound from above: of the negative.
        bounded = -lower_bound(-lower_bound(indices, 0.0), 1.0 - self.levels)
        scales = self.least * ops.exp(self.step * bounded)
        return {"latent": decoded + where, "nats": sum_event(-self.log_mass(coded, scales))}

    def index_of(self, scale: Any) -> np.ndarray:
        """Return the index, not rounded, of scales, float64."""
        return np.asarray(np.log(np.asarray(scale, "float64") / self.least) / self.step)


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class GaussianConditional(Conditional):
    """P(s) = Phi((s + 1/2) / scale) - Phi((s - 1/2) / scale); see `Conditional`.

    Reference:
        Balle et al. (2018), https://arxiv.org/abs/1802.01436, equation 6; with locations Minnen et
        al. (2018), https://arxiv.org/abs/1809.02736, section 2.

    Example:
        >>> import numpy as np
        >>> outputs = GaussianConditional()(np.zeros((3, 5)), np.full((3, 5), 20.0))
        >>> outputs["nats"].shape == (3,)
        True
    """

    def log_mass(self, symbols: Tensor, scales: Tensor) -> Tensor:
        """Return the log-masses of [s - 1/2, s + 1/2] for the location 0, nats."""
        return unit_mass.normal(symbols, scales)


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class LogisticConditional(Conditional):
    """P(s) = sigmoid((s + 1/2) / scale) - sigmoid((s - 1/2) / scale); see `Conditional`.

    Reference:
        Balle et al. (2018), https://arxiv.org/abs/1802.01436, equation 6, with a logistic
        distribution for the normal one.

    Example:
        >>> import numpy as np
        >>> outputs = LogisticConditional()(np.zeros((3, 5)), np.full((3, 5), 20.0))
        >>> outputs["nats"].shape == (3,)
        True
    """

    def log_mass(self, symbols: Tensor, scales: Tensor) -> Tensor:
        """Return the log-masses of [s - 1/2, s + 1/2] for the location 0, nats."""
        return unit_mass.logistic(symbols, scales)
