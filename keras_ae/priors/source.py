"""What codes can be drawn from: a prior that a model is trained with, or a sampler fitted later."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from keras_ae.distributions.noise import Draws
from keras_ae.parts import Part
from keras_ae.typing import Tensor


class Source(Part):
    """A distribution over codes that can be drawn from.

    It draws through `normal`, `uniform` and `integers` of the noise that it is given and by
    nothing else, one row of noise for each code, so that batches may be of any size and an export
    can take the noise as an input. One that depends on the model (its encoder) is given the model
    where it is used and never keeps it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.built = True  # one with weights of its own makes them in `attach`

    @abstractmethod
    def attach(self, model: Any) -> None:
        """Make the weights that depend on the model's shapes; refuse a model it cannot serve."""

    @abstractmethod
    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return draws of the full shape `(batch, *latent_shape)`, float32."""
