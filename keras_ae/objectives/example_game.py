"""A game between what is decoded and a critic that tells it from the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae import networks
from keras_ae.distributions.noise import Noise
from keras_ae.objectives.game import (
    Game,
    check_examples,
    check_fixed_prior,
    check_unmasked,
    holding,
    prior_codes,
    told_false,
    told_true,
)
from keras_ae.objectives.weight import Weight
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class ExampleGame(Game):
    """Examples of the decoder are made to look true to a critic D of examples.

    The critic minimises -log D(x) - log(1 - D(x~)) - log(1 - D(x_p)), of data x, their
    reconstructions x~ and examples x_p decoded from the prior; the decoder minimises -log D(x~)
    - log D(x_p) with the critic held fixed. The codes are held fixed too: the encoder gets
    nothing of this game.

    Args:
        weight: The multiplier of the decoder's share; the critic's own is always 1.
        critic: Name of the network from examples to features: "mlp", "conv", or `{"name": ...}`.
        hidden: Sizes of its stages, the network's default when None; a dense layer behind it gives
            the logit.

    Reference:
        Larsen et al. (2016), https://arxiv.org/abs/1512.09300, equation 8 and algorithm 1; the
        decoder's share is the non-saturating form of Goodfellow et al. (2014),
        https://arxiv.org/abs/1406.2661, section 3, where the paper has log(1 - D).
    """

    def __init__(
        self, weight: Weight = 1.0, critic: Any = "mlp", hidden: Sequence[int] | None = None
    ) -> None:
        super().__init__(weight)
        self.noise = Noise()
        self.kind, self.hidden = critic, hidden

    def attach(self, model: Any) -> None:
        """Make the critic for the model's examples.

        Raises:
            ValueError: The model has no prior that stands still, missing entries or whole numbers.
        """
        check_fixed_prior("a game over examples", model)
        check_examples("a game over examples", model)
        self.critic = _Critic(self.kind, self.hidden)
        self.critic.make(model)

    def shares(
        self, model: Any, batch: Batch, outputs: Outputs, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the decoder's and the critic's losses, each `(batch,)`, nats."""
        check_unmasked("a game over examples", batch)
        codes = ops.stop_gradient(ops.cast(outputs["latent"], "float32"))
        drawn = prior_codes(self, model, batch, codes, training)
        made = [decoded_example(model, z, batch.condition, training) for z in (codes, drawn)]
        critic = told_true(self.logits(model, batch.target, batch, training))
        for example in made:
            critic = critic + told_false(
                self.logits(model, ops.stop_gradient(example), batch, training)
            )
        with holding(model, self.critic):
            decoder = told_true(self.logits(model, made[0], batch)) + told_true(
                self.logits(model, made[1], batch)
            )
        return decoder, critic

    def logits(self, model: Any, examples: Tensor, batch: Batch, training: bool = False) -> Tensor:
        """Return the log-odds that examples are data, `(batch,)`."""
        return self.critic.head(self.features(model, examples, batch, training))[:, 0]

    def features(
        self, model: Any, examples: Tensor, batch: Batch, training: bool = False
    ) -> Tensor:
        """Return what the critic's last layer is given, `(batch, width)`."""
        seen = model.likelihood.encoder_input(ops.cast(examples, "float32"))
        return self.critic(seen, condition=batch.condition, training=training)


@keras.saving.register_keras_serializable("keras_ae.objectives")
class _Critic(keras.layers.Layer):
    """Features of examples, and the layer that makes logits of them."""

    def __init__(self, kind: Any, hidden: Sequence[int] | None) -> None:
        super().__init__(name="critic")
        self.kind, self.hidden = kind, hidden

    def make(self, model: Any) -> None:
        size = 0 if model.condition is None else model.condition.size
        self.network = networks.encoder(
            self.kind, model.event_shape, self.hidden, condition_size=size
        )
        self.flatten = keras.layers.Flatten("channels_last")
        self.head = keras.layers.Dense(1, dtype="float32", name="logit")
        shape = (None, *self.network.output_shape[1:])
        self.flatten.build(shape)
        self.head.build(self.flatten.compute_output_shape(shape))
        self.built = True

    def call(
        self, examples: Tensor, condition: Tensor | None = None, training: bool = False
    ) -> Tensor:
        given = networks.joined(self.network, examples, condition)
        return self.flatten(self.network(given, training=training))


def decoded_example(
    model: Any, z: Tensor, condition: Tensor | None, training: bool = False
) -> Tensor:
    """Return E[x | z] in normalised units, `(batch, *event_shape)` float32."""
    decoded = model.decoded_tensor(z, condition, training)
    return ops.cast(model.likelihood.mean(decoded), "float32")
