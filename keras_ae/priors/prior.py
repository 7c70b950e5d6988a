"""What every prior promises."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from keras_ae.distributions.noise import Draws
from keras_ae.parts import Part
from keras_ae.typing import Tensor


class Prior(Part):
    """A distribution p(z) over codes."""

    def __init__(self) -> None:
        super().__init__()
        self.built = True  # one with weights of its own builds them

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z), `(batch,)`, nats summed over the axes of a code `(batch, ...)`."""

    @abstractmethod
    def sample(self, shape: Any, noise: Draws, training: bool = False) -> Tensor:
        """Return draws of the full shape `(batch, *latent_shape)`, float32."""
