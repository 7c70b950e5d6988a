"""A game between the codes and a critic that tells them from the prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.distributions.noise import Noise
from keras_ae.objectives.game import (
    Game,
    check_fixed_prior,
    dense_critic,
    held_log_odds,
    log_odds,
    prior_codes,
    told_false,
    told_true,
)
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_claim
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class Adversarial(Game):
    """The codes' distribution is pulled to the prior by a critic D that the term owns.

    The critic minimises -log D(z') - log(1 - D(z)) with z' ~ p(z) and the codes z held fixed; the
    encoder minimises -log D(z) with the critic held fixed.

    Args:
        weight: The multiplier of the encoder's share; the critic's own is always 1.
        hidden: Widths of the critic's hidden layers.
        part: Name of a part of the code, of a bottleneck that has `parts`, which alone is played
            for; the whole code when None.
        told: Whether the critic sees the condition beside the code, so that each condition's
            codes are pulled to its own prior.

    Reference:
        Makhzani et al. (2015), https://arxiv.org/abs/1511.05644, section 2, and 2.3 for a critic
        that is told the label; the encoder's share is the non-saturating form of Goodfellow et
        al. (2014), https://arxiv.org/abs/1406.2661, section 3.
    """

    def __init__(
        self,
        weight: Weight = 1.0,
        hidden: Sequence[int] = (256, 256),
        part: str | None = None,
        told: bool = False,
    ) -> None:
        super().__init__(weight, name="adversarial" if part is None else f"adversarial_{part}")
        self.noise = Noise()
        self.part, self.told = part, checked_claim("told", told)
        self.critic = dense_critic(hidden)

    def attach(self, model: Any) -> None:
        """Make the critic's weights for the model's codes.

        Raises:
            ValueError: The model has no prior to compare its codes with, or one that learns; its
                code has no such part; or it has no condition that could be told.
        """
        check_fixed_prior("an adversarial term", model)
        parts = getattr(model.bottleneck, "parts", {})
        if self.part is not None and self.part not in parts:
            raise ValueError(
                f"`part` must be one of the code's: {sorted(parts)}. Received: part={self.part!r}"
            )
        if self.told and model.condition is None:
            raise ValueError(
                "a critic can be told a condition only where there is one. Received: told=True "
                "with condition=None. Pass `condition=`."
            )
        size = math.prod(self._own(ops.zeros((1, *model.latent_shape)), model).shape[1:])
        self.critic.build((None, size + (model.condition.size if self.told else 0)))

    def shares(
        self, model: Any, batch: Batch, outputs: Outputs, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the encoder's and the critic's losses, each `(batch,)`, nats."""
        codes = ops.cast(outputs["latent"], "float32")
        drawn = prior_codes(self, model, batch, codes, training)
        codes, drawn = (self._seen(self._own(z, model), batch) for z in (codes, drawn))
        critic = told_true(log_odds(self.critic, drawn, training)) + told_false(
            log_odds(self.critic, ops.stop_gradient(codes), training)
        )
        return told_true(held_log_odds(self.critic, codes)), critic

    def _own(self, codes: Tensor, model: Any) -> Tensor:
        return codes if self.part is None else codes[:, model.bottleneck.parts[self.part]]

    def _seen(self, codes: Tensor, batch: Batch) -> Tensor:
        flat = ops.reshape(codes, (ops.shape(codes)[0], -1))
        if not self.told:
            return flat
        return ops.concatenate([flat, ops.cast(batch.condition, "float32")], axis=-1)
