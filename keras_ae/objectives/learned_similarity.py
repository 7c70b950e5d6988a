"""The distance of data and reconstructions in what a game's critic has learned to see."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_ae.distributions.event import sum_event
from keras_ae.objectives.example_game import ExampleGame, decoded_example
from keras_ae.objectives.game import holding
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_positive
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class LearnedSimilarity(Term):
    """-log N(D_l(x); D_l(x~), I): a normal around the critic's features of the reconstruction.

    The features are those of the model's `ExampleGame`, in front of its last layer. The encoder
    gets the gradient of it, the decoder gamma times that, the critic none.

    Args:
        weight: The term's multiplier, for encoder and decoder.
        gamma: By how much more the decoder gets, beside its share of the game; positive.

    Reference:
        Larsen et al. (2016), https://arxiv.org/abs/1512.09300, equation 7 and algorithm 1.
    """

    scores = True

    def __init__(self, weight: Weight = 1.0, gamma: float = 1.0) -> None:
        super().__init__(weight)
        self.gamma = checked_positive("gamma", gamma)

    def attach(self, model: Any) -> None:
        """Refuse an objective without a game over examples.

        Raises:
            ValueError: As said.
        """
        _game(model)

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the negative log-density of the features, `(batch,)`, nats."""
        game = _game(model)
        z = ops.cast(outputs["latent"], "float32")
        # What the codes get back is divided by gamma, and what all get multiplied by it.
        scaled = _sloped(z, 1.0 / self.gamma)
        made = decoded_example(model, scaled, batch.condition, training)
        with holding(model, game.critic):
            true = game.features(model, batch.target, batch)
            error = ops.cast(true - game.features(model, made, batch), "float32")
        found = 0.5 * (sum_event(ops.square(error)) + error.shape[-1] * math.log(2 * math.pi))
        return _sloped(found, self.gamma)


def _sloped(a: Tensor, slope: float) -> Tensor:
    """Return a, whose gradient is multiplied by a slope."""
    fixed = ops.stop_gradient(a)
    return fixed + slope * (a - fixed)


def _game(model: Any) -> ExampleGame:
    for term in model.objective:
        if isinstance(term, ExampleGame):
            return term
    raise ValueError(
        "a learned similarity needs an `ExampleGame` in the same objective, whose critic learns "
        f"it. Received: {[type(term).__name__ for term in model.objective]}"
    )
