"""A posterior of several discrete variables, relaxed in training."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.bottlenecks.posterior import Posterior, head
from keras_ae.bottlenecks.temperature import Degrees, Temperature
from keras_ae.distributions import gumbel, relaxed_categorical, special
from keras_ae.distributions.event import sum_event
from keras_ae.parts import checked_size
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Categorical(Posterior):
    """q(z | x) of independent variables with one of K categories each, as one-hot vectors.

    In training draws are relaxed: softmax((logits + Gumbel noise) / temperature). Outside of
    training they are discrete, so that measured likelihoods are the discrete model's. The
    divergence is that of the discrete distributions in both.

    Args:
        variables: Number of variables.
        categories: K, at least 2.
        temperature: Positive, or a Keras schedule over training steps.
        straight_through: Whether the decoder sees discrete draws in training too, with the
            gradient of the relaxed ones.

    Reference:
        Jang et al. (2017), https://arxiv.org/abs/1611.01144, section 2; Maddison et al. (2017),
        https://arxiv.org/abs/1611.00712.

    Example:
        >>> import numpy as np
        >>> code = Categorical(2, 3)(np.ones((1, 5), "float32"), sample=True)["latent"]
        >>> np.array(code).sum(-1).tolist()
        [[1.0, 1.0]]
    """

    reports = ("logits",)
    space = "categories"
    closed_form = ("categorical",)
    relaxes = True

    def __init__(
        self,
        variables: int,
        categories: int,
        temperature: Degrees = 1.0,
        straight_through: bool = False,
    ) -> None:
        super().__init__()
        variables = checked_size("variables", variables)
        categories = checked_size("categories", categories)
        if categories < 2:
            raise ValueError(f"`categories` must be at least 2. Received: categories={categories}")
        self.latent_shape = (variables, categories)
        self.temperature = Temperature(temperature)
        self.straight_through = straight_through
        self.logits_head = head(variables * categories, "logits")

    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights of the head."""
        self.logits_head.build(flat_shape)

    def parameters_of(self, features: Tensor) -> Outputs:
        """Return normalised `logits`, `(batch, variables, categories)` float32."""
        logits = ops.reshape(self.logits_head(features), (-1, *self.latent_shape))
        return {"logits": special.log_softmax(logits, axis=-1)}

    def code(self, parameters: Outputs) -> Outputs:
        """Return the most probable categories, as one-hot vectors."""
        logits = parameters["logits"]
        return {"latent": gumbel.one_hot_of_largest(logits)}

    def draw(self, parameters: Outputs, training: bool = False) -> Outputs:
        """Return relaxed draws in training, one-hot ones outside."""
        logits = parameters["logits"]
        uniform = self.noise.uniform(ops.shape(logits), training=training)
        if not training:
            return {"latent": gumbel.one_hot(logits, uniform)}
        relaxed = relaxed_categorical.sample(logits, self.temperature(training=True), uniform)
        return {"latent": straight_through(relaxed) if self.straight_through else relaxed}

    def log_prob(self, outputs: Outputs) -> Tensor:
        """Return the log-probability of discrete draws, `(batch,)`, nats."""
        return sum_event(outputs["latent"] * outputs["logits"])

    def kl(self, outputs: Outputs, prior: Any) -> Tensor:
        """Return each variable's divergence from the prior's, `(batch, variables)`, nats."""
        log_probs = outputs["logits"]
        return ops.sum(ops.exp(log_probs) * (log_probs - prior.log_probs()), axis=-1)


def straight_through(relaxed: Tensor) -> Tensor:
    """Return the one-hot vectors of relaxed draws' largest numbers, with the draws' gradient."""
    hard = gumbel.one_hot_of_largest(ops.stop_gradient(relaxed))
    return hard + (relaxed - ops.stop_gradient(relaxed))
