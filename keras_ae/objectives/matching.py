"""What the terms share that pull the distribution of all codes to the prior, from draws of both."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from keras import ops

from keras_ae.distributions.noise import Noise
from keras_ae.objectives.rate import check_prior
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.typing import Batch, Outputs, Tensor


class Matching(Term):
    """A distance of the batch's codes from as many draws of the prior: a property of the batch.

    Every row counts alike, also where rows have weights. A prior that learns is pulled to the
    codes as they are to it, by its draws: what moves no draw, such as a mixture's shares, stays.

    Args:
        weight: The term's multiplier.
        name: The name under which the term is logged.
    """

    of_batch = True

    def __init__(self, weight: Weight = 1.0, *, name: str | None = None) -> None:
        super().__init__(weight, name=name)
        self.noise = Noise()

    def attach(self, model: Any) -> None:
        """Refuse a model without a prior to draw from.

        Raises:
            ValueError: As said.
        """
        check_prior(type(self).__name__, model)

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the distance of the batch, a scalar."""
        codes = ops.cast(outputs["latent"], "float32")
        prior = model.prior.given(batch.condition)
        drawn = prior.sample(ops.shape(codes), self.noise, training, model)
        return self.distance(_flat(codes), _flat(drawn), training)

    @abstractmethod
    def distance(self, codes: Tensor, drawn: Tensor, training: bool) -> Tensor:
        """Return the distance of two sets of vectors, `(batch, d)` float32 each, a scalar."""


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Return |a_i - b_j|^2 of vectors `(n, d)` and `(m, d)`, `(n, m)`; never below zero."""
    squares = ops.sum(ops.square(a), axis=1)[:, None] + ops.sum(ops.square(b), axis=1)
    return ops.maximum(squares - 2.0 * ops.matmul(a, ops.transpose(b)), 0.0)


def about_their_mean(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return two sets of vectors moved to the origin: far from it, distances lose digits."""
    centre = ops.stop_gradient(ops.mean(ops.concatenate([a, b]), axis=0))
    return a - centre, b - centre


def _flat(codes: Tensor) -> Tensor:
    return ops.reshape(codes, (ops.shape(codes)[0], -1))
