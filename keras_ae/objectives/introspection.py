"""A game without a critic: the encoder tells data from what the decoder makes."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_ae.distributions.event import sum_event
from keras_ae.distributions.noise import Noise
from keras_ae.objectives.example_game import decoded_example
from keras_ae.objectives.game import (
    Game,
    check_examples,
    check_fixed_prior,
    check_unmasked,
    holding,
    prior_codes,
)
from keras_ae.objectives.rate import check_rate, has_closed_form, parts_of_divergence
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_non_negative, checked_positive
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class Introspection(Game):
    """What an ELBO lacks for encoder and decoder to play against each other.

    Of examples x_p decoded from the prior the encoder minimises (d / alpha) exp(alpha ELBO(x_p) /
    d), so that only data are likely to it, and the decoder -gamma ELBO(x_p), so that its examples
    are. d is the number of an example's values: beside the ELBO of the data in nats this is the
    paper's game with every ELBO divided by d, times d. Each gets the gradient of its own share.

    The ELBO of x_p is -negative_rate KL - reconstruction in the encoder's share; in the
    decoder's it is -rate KL - decoder_reconstruction * reconstruction, the last with x_p and its
    codes held fixed. The likelihood's constants count: "gaussian" has e^(-0.92 alpha) in front of
    the exponential. Where a density makes alpha ELBO / d exceed 3, it goes on as a straight line.

    Args:
        weight: gamma, of the decoder's share; the encoder's counts whole.
        alpha: How sharply unlikely examples stop to matter, positive.
        negative_rate: beta_neg, of the rate of decoded examples in the encoder's share.
        decoder_reconstruction: gamma_r, of their reconstruction in the decoder's share.
        rate: beta_kl, of their rate in the decoder's share.

    Reference:
        Daniel and Tamar (2021), https://arxiv.org/abs/2012.13253, equation 4 and section 5, with
        alpha = 2, gamma_r = 1e-8 and, as the author has it for small pictures, beta_neg = 256. The
        author's code also takes reconstructions of the data for decoded examples; here they are
        those of the prior, as in the paper's equation.
    """

    def __init__(
        self,
        weight: Weight = 1.0,
        alpha: float = 2.0,
        negative_rate: float = 256.0,
        decoder_reconstruction: float = 1e-8,
        rate: float = 1.0,
    ) -> None:
        super().__init__(weight)
        self.alpha = checked_positive("alpha", alpha)
        self.negative_rate = checked_positive("negative_rate", negative_rate)
        self.decoder_reconstruction = checked_non_negative(
            "decoder_reconstruction", decoder_reconstruction
        )
        self.rate = checked_non_negative("rate", rate)
        self.noise = Noise()

    def attach(self, model: Any) -> None:
        """Refuse a model whose rate has no closed form, or whose prior moves.

        Raises:
            ValueError: As said, or examples have missing entries or are whole numbers.
        """
        check_rate("an introspective game", model)
        check_fixed_prior("an introspective game", model)
        if not has_closed_form(model):
            raise ValueError(
                "an introspective game needs a rate in closed form. Received: "
                f"{type(model.bottleneck).__name__} with {type(model.prior).__name__}. "
                "Take `Gaussian` with `prior='standard_normal'`."
            )
        check_examples("an introspective game", model)

    def shares(
        self, model: Any, batch: Batch, outputs: Outputs, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the decoder's and the encoder's losses, each `(batch,)`, nats."""
        check_unmasked("an introspective game", batch)
        codes = ops.cast(outputs["latent"], "float32")
        drawn = prior_codes(self, model, batch, codes, training)
        made = decoded_example(model, drawn, batch.condition, training)
        fixed = ops.stop_gradient(made)

        # The encoder's: its codes of fixed examples, decoded by a decoder that is held.
        features = model.features(fixed, _rows(fixed, batch), training)
        found = model.bottleneck(features, training=training, sample=True)
        with holding(model, model.decoder, model.likelihood):
            distortion = _distortion(model, fixed, found["latent"], batch)
        elbo = -self.negative_rate * _rate(model, found, batch) - distortion
        size = float(math.prod(model.event_shape))
        encoder = size / self.alpha * _bounded_exp(self.alpha * elbo / size)

        # The decoder's: examples that move, as an encoder that is held sees them.
        with holding(model, model.encoder, model.bottleneck):
            features = model.features(made, _rows(made, batch))
            seen = model.bottleneck.distribution(features)
        decoder = self.rate * _rate(model, seen, batch)
        if self.decoder_reconstruction:
            own = _distortion(model, fixed, ops.stop_gradient(found["latent"]), batch)
            decoder = decoder + self.decoder_reconstruction * own
        return decoder, encoder


def _bounded_exp(exponent: Tensor) -> Tensor:
    """Return exp, and its tangent from 3 on: one example's density has no bound."""
    inside = ops.minimum(exponent, 3.0)
    return ops.exp(inside) * (1.0 + exponent - inside)


def _rows(examples: Tensor, batch: Batch) -> Batch:
    """Return decoded examples as a batch, each under the condition that it was decoded with."""
    return batch._replace(x=examples, target=examples, mask=None)


def _rate(model: Any, parameters: Outputs, batch: Batch) -> Tensor:
    return sum_event(parts_of_divergence(model, parameters, batch.condition))


def _distortion(model: Any, examples: Tensor, z: Tensor, batch: Batch) -> Tensor:
    """Return -log p(x | z) as it is outside of training, `(batch,)`: no state may move."""
    decoded = model.decoded_tensor(z, batch.condition)
    return -model.likelihood.log_prob(decoded, examples, None, False, None)
