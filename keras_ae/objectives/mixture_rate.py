"""The rate of a code that belongs to one of several components."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.distributions import diagonal_gaussian, special
from keras_ae.objectives.rate import Rate
from keras_ae.priors import GaussianMixture
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class MixtureRate(Rate):
    """KL(q(z, c | x) || p(z, c)) for a normal q(z | x) and a mixture of normals p(z).

    sum_c gamma_c (KL(q(z | x) || N(mu_c, sigma_c^2)) + log gamma_c - log pi_c), each divergence in
    closed form, with the responsibilities gamma_c = q(c | x) = p(c | z) at the code.

    Args:
        weight: The term's multiplier.

    Reference:
        Jiang et al. (2017), https://arxiv.org/abs/1611.05148, section 3.2, equations 12 (all but
        its first sum) and 16, with one draw.
    """

    needs = ("mean", "log_var")

    def attach(self, model: Any) -> None:
        """Refuse a model whose prior is no mixture of normals, or whose posterior is no normal.

        Raises:
            ValueError: As said.
        """
        super().attach(model)
        is_normal = "standard_normal" in model.bottleneck.closed_form
        if not isinstance(model.prior, GaussianMixture) or not is_normal:
            raise ValueError(
                f"{type(self).__name__} needs a normal posterior and a mixture of normals as the "
                f"prior. Received: {type(model.bottleneck).__name__} and "
                f"{type(model.prior).__name__}. Pass `prior='gaussian_mixture'`."
            )

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the rate, `(batch,)`, nats."""
        mean, log_var = (ops.expand_dims(outputs[key], 1) for key in ("mean", "log_var"))
        logits, means, log_vars = model.prior.components_now()
        log_gamma = special.log_softmax(model.prior.joint_log_prob(outputs["latent"]), axis=-1)
        each = ops.sum(diagonal_gaussian.kl(mean, log_var, means, log_vars), axis=-1)
        rates = each + log_gamma - special.log_softmax(logits)
        return ops.sum(ops.exp(log_gamma) * rates, axis=-1)

    def score(self, model: Any, batch: Batch, outputs: Outputs) -> Tensor:
        """Return the rate at the code that is not drawn, `(batch,)`, nats."""
        return self.value(model, batch, outputs, False)
