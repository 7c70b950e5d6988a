"""What every prior promises."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, final

from keras_ae.priors.source import Source
from keras_ae.typing import Shape, Tensor


class Prior(Source):
    """A distribution p(z) over codes, part of what a model maximises.

    `family` is what posteriors name whose divergence from it is known in closed form; `space` is
    where its codes live; `adapts` says whether it starts from training data.
    """

    family: str = ""
    space: str = "vectors"
    adapts: bool = False

    @final
    def attach(self, model: Any) -> None:
        """Make the weights that depend on the model's shapes.

        Raises:
            ValueError: The model's codes live elsewhere, or it lacks what the prior needs.
        """
        space = model.bottleneck.space
        if space != self.space:
            raise ValueError(
                f"a prior must live where the codes do. Received: {type(self).__name__} over "
                f"{self.space}, and {type(model.bottleneck).__name__} with codes in {space}."
            )
        self.check_model(model)
        self.make_weights(model.latent_shape, model.event_shape)
        if model.condition is not None:
            self.make_conditional_weights(model.condition.centre())

    def check_model(self, model: Any) -> None:
        """Refuse a model that lacks what the prior needs; none by default."""

    def make_weights(self, latent_shape: Shape, event_shape: Shape) -> None:
        """Make the weights for codes and examples of these shapes; none by default."""

    def make_conditional_weights(self, centre: Any) -> None:
        """Make the weights for conditions, of which `centre` is one, `(size,)`; none by default."""

    def adapt(self, model: Any, rows: Any, seed: int = 0) -> None:
        """Start from training data, normalised, where there is something to start."""

    @abstractmethod
    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Return log p(z), `(batch,)`, nats summed over the axes of a code `(batch, ...)`.

        Args:
            z: Codes `(batch, *latent_shape)`.
            model: The model, for a prior that depends on it.
        """
