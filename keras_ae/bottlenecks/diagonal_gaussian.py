"""What the normal posteriors with independent coordinates share."""

from __future__ import annotations

from typing import Any

from keras import ops

from keras_ae.bottlenecks.posterior import Posterior
from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import sum_event
from keras_ae.typing import Outputs, Tensor

MAX_LOG_VAR = 20.0


class DiagonalGaussian(Posterior):
    """q(z | x) = N(z; mean, diag exp(log_var)), drawn by the reparameterisation trick."""

    reports: tuple[str, ...] = ("mean", "log_var")
    closed_form = ("standard_normal", "diagonal_normal")

    def code(self, parameters: Outputs) -> Outputs:
        """Return the mean."""
        return {"latent": parameters["mean"]}

    def draw(self, parameters: Outputs, training: bool = False) -> Outputs:
        """Return mean + exp(log_var / 2) * epsilon."""
        mean = parameters["mean"]
        epsilon = self.noise.normal(ops.shape(mean), "float32", training)
        return {"latent": diagonal_gaussian.sample(mean, parameters["log_var"], epsilon)}

    def log_prob(self, outputs: Outputs) -> Tensor:
        """Return log N(latent; mean, diag exp(log_var)), `(batch,)`, nats."""
        density = diagonal_gaussian.log_prob(*(outputs[k] for k in ("latent", "mean", "log_var")))
        return sum_event(density)

    def kl(self, outputs: Outputs, prior: Any) -> Tensor:
        """Return the divergence of each coordinate from the prior's, `(batch, latent_dim)`."""
        mean, log_var = (ops.cast(outputs[key], "float32") for key in ("mean", "log_var"))
        if prior.family == "diagonal_normal":
            return diagonal_gaussian.kl(mean, log_var, prior.mean, prior.log_var)
        return diagonal_gaussian.kl_standard_normal(mean, log_var)


def log_ratio(outputs: Outputs, prior: Any) -> Tensor:
    """Return log q(z_i) - log p(z_i) of each number of a draw, under a prior of independent ones.

    Args:
        outputs: `latent`, and `mean` and `log_var` of q, as many.
        prior: A standard normal, or one with a `mean` and a `log_var`.
    """
    z, mean, log_var = (ops.cast(outputs[k], "float32") for k in ("latent", "mean", "log_var"))
    standard = prior.family == "standard_normal"
    of_prior = (0.0, 0.0 * z) if standard else (prior.mean, prior.log_var)
    q, p = ((mean, log_var), of_prior)
    return diagonal_gaussian.log_prob(z, *q) - diagonal_gaussian.log_prob(z, *p)


def bounded(log_var: Tensor) -> Tensor:
    """Return a log-variance within +-20."""
    return ops.clip(log_var, -MAX_LOG_VAR, MAX_LOG_VAR)
