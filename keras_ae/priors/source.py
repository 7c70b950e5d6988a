"""What codes can be drawn from: a prior that a model is trained with, or a sampler fitted later."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, final

from keras import ops

from keras_ae.distributions.noise import CountedNoise, Draws
from keras_ae.parts import Part
from keras_ae.typing import Shape, Tensor


class Source(Part):
    """A distribution over codes that can be drawn from.

    It draws through `normal`, `uniform` and `integers` of the noise that it is given and by
    nothing else, one row of noise for each code, so that batches may be of any size and an export
    can take the noise as an input. One that depends on the model (its encoder) is given the model
    where it is used and never keeps it.
    """

    numbers_held: int = 0
    """Numbers that a density holds at once for one code, where they are more than the code's."""

    def __init__(self) -> None:
        super().__init__()
        self.built = True  # one with weights of its own makes them in `attach`

    @abstractmethod
    def attach(self, model: Any) -> None:
        """Make the weights that depend on the model's shapes; refuse a model it cannot serve."""

    def given(self, condition: Tensor | None) -> Any:
        """Return the distribution under conditions: itself, for one that does not depend on them.

        Args:
            condition: Of each row, as vectors `(batch, size)`; None in a model without.

        Returns:
            What answers `log_prob`, `sample` and `family` for these rows.
        """
        return self

    def is_tempered(self) -> bool:
        """Return whether draws become more typical when their normal noise is made smaller."""
        return True

    def check_ready(self, model: Any) -> None:
        """Refuse to be drawn from before it can be; a prior always can."""

    @final
    def noise_of_one(self, model: Any) -> list[tuple[str, Shape]]:
        """Return kind, "normal" or "uniform", and shape of the noise of one code, in order."""
        known = self.__dict__.get("_noise_of_one")
        if known is None:
            noise, told = CountedNoise(), getattr(model, "condition", None)
            given = self.given(None if told is None else ops.convert_to_tensor(told.centre()[None]))
            given.sample((1, *model.latent_shape), noise, model=model)
            known = [(kind, shape[1:]) for kind, shape in noise.draws]
            # Kept, since some draw by a long chain; outside of what Keras tracks.
            self.__dict__["_noise_of_one"] = known
        return list(known)

    @abstractmethod
    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return draws of the full shape `(batch, *latent_shape)`, float32."""
