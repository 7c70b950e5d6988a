"""A posterior of binary variables, relaxed in training."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.bottlenecks.posterior import Posterior, head
from keras_ae.bottlenecks.temperature import Degrees, Temperature
from keras_ae.distributions import relaxed_bernoulli
from keras_ae.distributions.event import sum_event
from keras_ae.parts import checked_size
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Binary(Posterior):
    """q(z | x) of independent variables that are 0 or 1.

    In training draws are relaxed: sigmoid((logits + logistic noise) / temperature). Outside of
    training they are 0 or 1. The divergence is that of the discrete distributions in both.

    Args:
        latent_dim: Number of variables.
        temperature: Positive, or a Keras schedule over training steps.
        straight_through: Whether the decoder sees zeros and ones in training too, with the
            gradient of the relaxed draws.

    Reference:
        Maddison et al. (2017), https://arxiv.org/abs/1611.00712, appendix B.

    Example:
        >>> import numpy as np
        >>> code = np.array(Binary(4)(np.ones((1, 5), "float32"), sample=True)["latent"])
        >>> bool(np.isin(code, [0, 1]).all())
        True
    """

    reports = ("logits",)
    space = "bits"
    closed_form = ("bernoulli",)
    relaxes = True

    def __init__(
        self, latent_dim: int, temperature: Degrees = 1.0, straight_through: bool = False
    ) -> None:
        super().__init__()
        latent_dim = checked_size("latent_dim", latent_dim)
        self.latent_shape = (latent_dim,)
        self.temperature = Temperature(temperature)
        self.straight_through = straight_through
        self.logits_head = head(latent_dim, "logits")

    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights of the head."""
        self.logits_head.build(flat_shape)

    def parameters_of(self, features: Tensor) -> Outputs:
        """Return `logits`, `(batch, latent_dim)` float32."""
        return {"logits": self.logits_head(features)}

    def code(self, parameters: Outputs) -> Outputs:
        """Return the more probable value of each variable."""
        return {"latent": ops.cast(parameters["logits"] > 0, "float32")}

    def draw(self, parameters: Outputs, training: bool = False) -> Outputs:
        """Return relaxed draws in training, zeros and ones outside."""
        logits = parameters["logits"]
        uniform = self.noise.uniform(ops.shape(logits), training=training)
        if not training:
            return {"latent": ops.cast(uniform < ops.sigmoid(logits), "float32")}
        relaxed = relaxed_bernoulli.sample(logits, self.temperature(training=True), uniform)
        if self.straight_through:
            hard = ops.cast(ops.stop_gradient(relaxed) > 0.5, "float32")
            relaxed = hard + (relaxed - ops.stop_gradient(relaxed))
        return {"latent": relaxed}

    def log_prob(self, outputs: Outputs) -> Tensor:
        """Return the log-probability of zeros and ones, `(batch,)`, nats."""
        logits = outputs["logits"]
        return sum_event(outputs["latent"] * logits - ops.softplus(logits))

    def kl(self, outputs: Outputs, prior: Any) -> Tensor:
        """Return each variable's divergence from the prior's, `(batch, latent_dim)`, nats."""
        logits, others = outputs["logits"], prior.logits_now()
        one = ops.sigmoid(logits)
        return one * (logits - others) - ops.softplus(logits) + ops.softplus(others)
