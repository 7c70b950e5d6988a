"""What the terms share that are games: a critic's, or of the autoencoder's own halves."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.objectives.rate import check_prior
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import ControlledWeight, Weight
from keras_ae.parts import checked_sizes
from keras_ae.typing import Batch, Outputs, Tensor


class Game(Term):
    """The sum of what two players minimise, in which each gets the gradient of its own share only.

    What the other player holds is stopped in each share: weights by `held` or `holding`, codes and
    examples by `stop_gradient`. So one optimizer may move all at once, or phases may each
    minimise the same sum by the weights of one player.

    The weight scales the share of the autoencoder; the critic's own counts whole, so that how
    well it plays does not depend on how much it is heard.
    """

    weighs_itself = True

    def __init__(self, weight: Weight = 1.0, *, name: str | None = None) -> None:
        super().__init__(weight, name=name)
        if isinstance(weight, ControlledWeight):
            raise ValueError(
                "the weight of a game must be a number or a schedule: what a controller would see "
                "holds the critic's loss too. Received: a ControlledWeight."
            )

    @abstractmethod
    def shares(
        self, model: Any, batch: Batch, outputs: Outputs, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Return what the autoencoder and what the critic minimises, each `(batch,)`, nats."""

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return weight * the autoencoder's share + the critic's, `(batch,)`, nats."""
        autoencoder, critic = self.shares(model, batch, outputs, training)
        return self.weight_at(model.step) * autoencoder + critic


def dense_critic(hidden: Sequence[int], name: str = "critic") -> keras.Sequential:
    """Return a network from anything flat to one logit, the log-odds of being true.

    Args:
        hidden: Widths of the hidden layers, with leaky rectifiers of slope 0.2.
        name: The network's name.
    """
    widths = checked_sizes("hidden", hidden)
    return keras.Sequential(
        [keras.layers.Flatten("channels_last")]
        + [keras.layers.Dense(width, activation="leaky_relu") for width in widths]
        + [keras.layers.Dense(1, dtype="float32")],
        name=name,
    )


def log_odds(critic: Any, inputs: Any, training: bool) -> Tensor:
    """Return a critic's logits, `(batch,)`."""
    return critic(inputs, training=training)[:, 0]


def held(critic: Any, inputs: Any) -> Tensor:
    """Return what a critic makes of inputs, with a gradient for these and none for it."""
    weights = [ops.stop_gradient(v.value) for v in critic.trainable_variables]
    state = [v.value for v in critic.non_trainable_variables]
    return critic.stateless_call(weights, state, inputs, training=False)[0]


def held_log_odds(critic: Any, inputs: Any) -> Tensor:
    """Return a critic's logits, `(batch,)`, with a gradient for the inputs and none for it."""
    return held(critic, inputs)[:, 0]


@contextlib.contextmanager
def holding(model: Any, *layers: Any) -> Iterator[None]:
    """Hold the weights of layers of a model fixed: gradients pass through them and end there.

    No random numbers may be drawn inside: their state would not move.
    """
    fixed = {id(v) for layer in layers for v in layer.trainable_variables}
    # A scope hides an outer one, so it names all that the model has.
    now = [(v, ops.stop_gradient(v.value) if id(v) in fixed else v.value) for v in model.variables]
    with keras.StatelessScope(now):
        yield


def told_true(logits: Tensor) -> Tensor:
    """Return the cost of logits where the truth is "true": -log sigmoid(logits), nats."""
    return ops.softplus(-logits)


def told_false(logits: Tensor) -> Tensor:
    """Return the cost of logits where the truth is "false": -log(1 - sigmoid(logits)), nats."""
    return ops.softplus(logits)


def check_fixed_prior(what: str, model: Any) -> None:
    """Refuse a model without a prior that can be played against.

    Raises:
        ValueError: It has none, or one that learns.
    """
    check_prior(what, model)
    if model.prior.trainable_weights:
        raise ValueError(
            f"{what} needs a prior that does not move: one that learns would run from the codes "
            f"that follow it. Received: {type(model.prior).__name__}. "
            "Pass `prior='standard_normal'`."
        )


def check_examples(what: str, model: Any) -> None:
    """Refuse a model whose decoded examples are told from data by what they are.

    Raises:
        ValueError: Data have missing entries, or are whole numbers, which means are not.
    """
    if model.missing is not None:
        raise ValueError(
            f"{what} needs whole examples: data would be known by their gaps. "
            f"Received: missing={model.missing!r}"
        )
    if model.likelihood.whole:
        raise ValueError(
            f"{what} needs data whose means are like them: whole numbers would be known by being "
            f"whole. Received: the {type(model.likelihood).__name__} likelihood."
        )


def check_unmasked(what: str, batch: Batch) -> None:
    """Refuse a batch with a mask of missing entries.

    Raises:
        ValueError: As said.
    """
    if batch.mask is not None:
        raise ValueError(
            f"{what} needs whole examples: data would be known by their gaps. "
            "Received: a mask of missing entries."
        )


def prior_codes(term: Any, model: Any, batch: Batch, codes: Tensor, training: bool) -> Tensor:
    """Return as many draws of the prior as there are codes, by the term's own noise."""
    prior = model.prior.given(batch.condition)
    drawn: Tensor = prior.sample(ops.shape(codes), term.noise, training, model)
    return drawn
