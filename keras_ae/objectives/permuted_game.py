"""The total correlation of codes, as a critic sees it that tells them from permuted ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.distributions.noise import Noise
from keras_ae.objectives.game import (
    Game,
    dense_critic,
    held_log_odds,
    log_odds,
    told_false,
    told_true,
)
from keras_ae.objectives.weight import Weight
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class PermutedGame(Game):
    """TC(z) = KL(q(z) || prod_j q(z_j)), by the density ratio that a critic D learns.

    The critic minimises (-log D(z) - log(1 - D(z'))) / 2, where z' has each number of the code
    from a row of the batch of its own; then log D(z) / (1 - D(z)), its logit, is what the
    autoencoder minimises, an estimate of the total correlation. Neither gets the other's gradient.

    Args:
        weight: gamma, of the total correlation; the critic's own loss has weight 1.
        hidden: Widths of the critic's hidden layers.

    Reference:
        Kim and Mnih (2018), https://arxiv.org/abs/1802.05983, equations 2 and 3 and algorithms 1
        and 2. The codes that are permuted are those of the same batch, where the paper takes
        another one; the critic has one logit instead of two, whose difference it is.
    """

    of_batch = True

    def __init__(self, weight: Weight = 1.0, hidden: Sequence[int] = (256, 256)) -> None:
        super().__init__(weight)
        self.noise = Noise()
        self.critic = dense_critic(hidden)

    def attach(self, model: Any) -> None:
        """Make the critic's weights for the model's codes.

        Raises:
            ValueError: The code is no vector of at least 2 numbers.
        """
        if len(model.latent_shape) != 1 or model.latent_shape[0] < 2:
            raise ValueError(
                "a total correlation needs codes that are vectors of at least 2 numbers. "
                f"Received: latent_shape={model.latent_shape}"
            )
        self.critic.build((None, *model.latent_shape))

    def shares(
        self, model: Any, batch: Batch, outputs: Outputs, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the logits of the codes and the critic's loss, each `(batch,)`, nats."""
        codes = ops.cast(outputs["latent"], "float32")
        fixed = ops.stop_gradient(codes)
        order = ops.argsort(self.noise.uniform(ops.shape(codes), training=training), axis=0)
        permuted = ops.take_along_axis(fixed, order, axis=0)
        critic = told_true(log_odds(self.critic, fixed, training)) + told_false(
            log_odds(self.critic, permuted, training)
        )
        return held_log_odds(self.critic, codes), 0.5 * critic
