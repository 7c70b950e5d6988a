"""A game over pairs of examples and codes: those of the encoder and those of the decoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae import networks
from keras_ae.distributions.noise import Noise
from keras_ae.objectives.example_game import decoded_example
from keras_ae.objectives.game import (
    Game,
    check_examples,
    check_fixed_prior,
    check_unmasked,
    dense_critic,
    holding,
    prior_codes,
    told_false,
    told_true,
)
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_sizes
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class PairGame(Game):
    """Pairs (x, E(x)) of the data and (G(z), z) of the prior are made to look alike to a critic D.

    The critic minimises -log D(x, E(x)) - log(1 - D(G(z), z)); encoder and decoder minimise it
    with the labels exchanged, -log(1 - D(x, E(x))) - log D(G(z), z), with the critic held fixed.
    Where no critic can tell them, decoder and encoder are each other's inverse.

    Args:
        weight: The multiplier of the share of encoder and decoder; the critic's is always 1.
        critic: Name of the network from examples to features: "mlp", "conv", or `{"name": ...}`.
        hidden: Sizes of its stages; the network's default when None.
        pair_hidden: Widths of the dense layers that see features and code side by side.

    Reference:
        Donahue et al. (2017), https://arxiv.org/abs/1605.09782, equation 2 and section 3.4, for
        the exchanged labels; Dumoulin et al. (2017), https://arxiv.org/abs/1606.00704.
    """

    def __init__(
        self,
        weight: Weight = 1.0,
        critic: Any = "mlp",
        hidden: Sequence[int] | None = None,
        pair_hidden: Sequence[int] = (256,),
    ) -> None:
        super().__init__(weight)
        self.noise = Noise()
        self.kind, self.hidden = critic, hidden
        self.pair_hidden = checked_sizes("pair_hidden", pair_hidden)

    def attach(self, model: Any) -> None:
        """Make the critic for the model's examples and codes.

        Raises:
            ValueError: The model has no prior that stands still, missing entries or whole numbers.
        """
        check_fixed_prior("a game over pairs", model)
        check_examples("a game over pairs", model)
        self.critic = _PairCritic(self.kind, self.hidden, self.pair_hidden)
        self.critic.make(model)

    def shares(
        self, model: Any, batch: Batch, outputs: Outputs, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the autoencoder's and the critic's losses, each `(batch,)`, nats."""
        check_unmasked("a game over pairs", batch)
        codes = ops.cast(outputs["latent"], "float32")
        drawn = prior_codes(self, model, batch, codes, training)
        made = decoded_example(model, drawn, batch.condition, training)
        x = ops.cast(batch.x, "float32")

        def logits(examples: Tensor, z: Tensor, training: bool = False) -> Tensor:
            seen = model.likelihood.encoder_input(examples)
            return self.critic(seen, z, condition=batch.condition, training=training)[:, 0]

        critic = told_true(logits(x, ops.stop_gradient(codes), training)) + told_false(
            logits(ops.stop_gradient(made), drawn, training)
        )
        with holding(model, self.critic):
            autoencoder = told_false(logits(x, codes)) + told_true(logits(made, drawn))
        return autoencoder, critic


@keras.saving.register_keras_serializable("keras_ae.objectives")
class _PairCritic(keras.layers.Layer):
    """Features of examples, and dense layers of them and codes."""

    def __init__(self, kind: Any, hidden: Any, pair_hidden: Sequence[int]) -> None:
        super().__init__(name="critic")
        self.kind, self.hidden, self.pair_hidden = kind, hidden, pair_hidden

    def make(self, model: Any) -> None:
        size = 0 if model.condition is None else model.condition.size
        self.network = networks.encoder(
            self.kind, model.event_shape, self.hidden, condition_size=size
        )
        self.pairs = dense_critic(self.pair_hidden, "pairs")
        width = math.prod(self.network.output_shape[1:]) + math.prod(model.latent_shape)
        self.pairs.build((None, width))
        self.built = True

    def call(
        self,
        examples: Tensor,
        z: Tensor,
        condition: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        given = networks.joined(self.network, examples, condition)
        features = self.network(given, training=training)
        flat = [ops.reshape(part, (ops.shape(z)[0], -1)) for part in (features, z)]
        flat = [ops.cast(part, "float32") for part in flat]
        return self.pairs(ops.concatenate(flat, axis=-1), training=training)
