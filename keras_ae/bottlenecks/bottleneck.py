"""What every bottleneck promises."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from keras_ae.parts import Part
from keras_ae.typing import Batch, Outputs, Shape, Tensor


class Bottleneck(Part):
    """Turns an encoder's features h into the code `latent` and reports what terms may need.

    `reports` are the keys beside `latent` in what a call returns. `latent_shape` is known once
    the bottleneck is built. With `sample=False` a call is deterministic: the mean, or the code.
    `adapts` says whether it starts from rows of the training data, `space` where codes live,
    `is_local` whether the code of a place of a map follows from the features of that place alone,
    `of_batch` whether in training a code, or what it costs, depends on the rest of the batch.
    """

    reports: tuple[str, ...] = ()
    adapts: bool = False
    space: str = "vectors"
    is_local: bool = False
    of_batch: bool = False
    latent_shape: Shape

    @abstractmethod
    def call(self, h: Tensor, training: bool = False, sample: bool = False) -> Outputs:
        """Return `{"latent": (batch, *latent_shape), **reports}`.

        Args:
            h: Encoder features `(batch, ...)`.
            training: Whether state (moving averages, training noise) advances.
            sample: Whether a stochastic code is drawn; its mean is used otherwise.
        """

    def to_decoder(self, z: Tensor) -> Tensor:
        """Return codes as a decoder is given them: as they are by default."""
        return z

    def between(self, a: Tensor, b: Tensor, share: Tensor) -> Tensor:
        """Return codes on the shortest ways from a to b where codes live, by default straight.

        Args:
            a: Codes `(..., *latent_shape)`.
            b: Codes, as many.
            share: Of the way, in [0, 1], broadcastable.
        """
        return (1.0 - share) * a + share * b

    def refine(self, model: Any, batch: Batch, outputs: Outputs, training: bool = False) -> Outputs:
        """Return outputs whose draw was moved by what the model makes of it; the same by default.

        It is called on every draw, with the rows that draws belong to, before they are decoded.

        Args:
            model: The model, for its decoder, likelihood and prior.
            batch: Normalised rows, as many as draws.
            outputs: Parameters and draw by name.
            training: Whether dropout and moving averages are on.
        """
        return outputs

    def adapt(self, vectors: Any, seed: int = 0) -> None:
        """Start from data, where there is something to start; nothing by default."""
