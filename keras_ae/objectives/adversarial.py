"""A game between the codes and a critic that tells them from the prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.distributions.noise import Noise
from keras_ae.objectives.rate import check_prior
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_sizes
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class Adversarial(Term):
    """The codes' distribution is pulled to the prior by a critic D that the term owns.

    The critic minimises -log D(z') - log(1 - D(z)) with z' ~ p(z) and the codes z held fixed; the
    encoder minimises -log D(z) with the critic held fixed. In one summed loss each player gets
    only its own gradient: the critic's weights are stopped in the encoder's share, and the codes
    in the critic's. `shares` gives the two apart for training in phases.

    Args:
        weight: The multiplier of the encoder's share; the critic's own is always 1.
        hidden: Widths of the critic's hidden layers.

    Reference:
        Makhzani et al. (2015), https://arxiv.org/abs/1511.05644, section 2; the encoder's share is
        the non-saturating form of Goodfellow et al. (2014), https://arxiv.org/abs/1406.2661,
        section 3.
    """

    def __init__(self, weight: Weight = 1.0, hidden: Sequence[int] = (256, 256)) -> None:
        super().__init__(weight, name="adversarial")
        self.noise = Noise()
        hidden = checked_sizes("hidden", hidden)
        self.critic = keras.Sequential(
            [keras.layers.Flatten("channels_last")]
            + [keras.layers.Dense(width, activation="leaky_relu") for width in hidden]
            + [keras.layers.Dense(1, dtype="float32")],
            name="critic",
        )

    def attach(self, model: Any) -> None:
        """Make the critic's weights for the model's codes.

        Raises:
            ValueError: The model has no prior to compare its codes with, or one that learns.
        """
        check_prior("an adversarial term", model)
        if model.prior.trainable_weights:
            raise ValueError(
                "an adversarial term needs a prior that does not move: one that learns would run "
                f"from the codes that follow it. Received: {type(model.prior).__name__}. "
                "Pass `prior='standard_normal'`."
            )
        self.critic.build((None, *model.latent_shape))

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the sum of both shares, `(batch,)`, nats; the weight scales the encoder's."""
        encoder, critic = self.shares(model, outputs, training, batch.condition)
        # The trunk multiplies the sum by the weight; the critic's rate must not depend on it.
        weight = self.weight_at(model.step)
        return encoder + critic / ops.where(weight > 0, weight, 1.0)

    def shares(
        self, model: Any, outputs: Outputs, training: bool, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the encoder's and the critic's losses, each `(batch,)`, nats."""
        codes = ops.cast(outputs["latent"], "float32")
        prior = model.prior.given(condition)
        drawn = prior.sample(ops.shape(codes), self.noise, training, model)
        on_codes = self.critic(ops.stop_gradient(codes), training=training)[:, 0]
        on_prior = self.critic(drawn, training=training)[:, 0]
        critic = ops.softplus(-on_prior) + ops.softplus(on_codes)
        return ops.softplus(-self._frozen_critic(codes)[:, 0]), critic

    def _frozen_critic(self, codes: Tensor) -> Tensor:
        weights = [ops.stop_gradient(v.value) for v in self.critic.trainable_variables]
        state = [v.value for v in self.critic.non_trainable_variables]
        logits, _ = self.critic.stateless_call(weights, state, codes, training=False)
        return logits
