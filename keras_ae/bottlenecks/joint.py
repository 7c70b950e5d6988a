"""A posterior of numbers and of discrete variables side by side."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_ae.bottlenecks.categorical import straight_through
from keras_ae.bottlenecks.diagonal_gaussian import bounded
from keras_ae.bottlenecks.posterior import Posterior, head
from keras_ae.bottlenecks.temperature import Degrees, Temperature
from keras_ae.distributions import diagonal_gaussian, gumbel, relaxed_categorical, special
from keras_ae.distributions.event import sum_event
from keras_ae.parts import checked_size, checked_sizes
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Joint(Posterior):
    """q(z, c | x) = q(z | x) prod_i q(c_i | x): a normal z, and variables with categories.

    The code is z and then each variable as a one-hot vector, relaxed in training. The divergence of
    the variables is that of the discrete distributions.

    Args:
        latent_dim: Length of z.
        categories: Number of categories of each variable, at least 2.
        temperature: Of the relaxed draws: positive, or a Keras schedule over training steps.
        straight_through: Whether the decoder sees discrete draws in training too, with the
            gradient of the relaxed ones.

    Reference:
        Dupont (2018), https://arxiv.org/abs/1804.00104, section 3.

    Example:
        >>> Joint(3, [10]).latent_shape
        (13,)
    """

    reports = ("mean", "log_var", "logits")
    space = "numbers and categories"
    closed_form = ("joint",)
    relaxes = True

    def __init__(
        self,
        latent_dim: int,
        categories: Any = (10,),
        temperature: Degrees = 0.67,
        straight_through: bool = False,
    ) -> None:
        super().__init__()
        self.size = checked_size("latent_dim", latent_dim)
        self.categories = checked_sizes("categories", categories)
        if not self.categories or min(self.categories) < 2:
            raise ValueError(
                "`categories` must have at least 2 for each variable, of which there is one. "
                f"Received: categories={categories!r}"
            )
        self.latent_shape = (self.size + sum(self.categories),)
        self.parts = {"continuous": slice(0, self.size), "discrete": slice(self.size, None)}
        self.temperature = Temperature(temperature)
        self.straight_through = straight_through
        self.mean_head = head(self.size, "mean")
        self.log_var_head = head(self.size, "log_var")
        self.logits_head = head(sum(self.categories), "logits")

    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights of the heads."""
        for layer in (self.mean_head, self.log_var_head, self.logits_head):
            layer.build(flat_shape)

    def parameters_of(self, features: Tensor) -> Outputs:
        """Return `mean`, `log_var`, and the variables' normalised `logits` one after another."""
        logits = [
            special.log_softmax(part, axis=-1) for part in self._split(self.logits_head(features))
        ]
        return {
            "mean": self.mean_head(features),
            "log_var": bounded(self.log_var_head(features)),
            "logits": ops.concatenate(logits, axis=-1),
        }

    def code(self, parameters: Outputs) -> Outputs:
        """Return the mean, and the most probable categories as one-hot vectors."""
        likeliest = map(gumbel.one_hot_of_largest, self._split(parameters["logits"]))
        return {"latent": ops.concatenate([parameters["mean"], *likeliest], axis=-1)}

    def draw(self, parameters: Outputs, training: bool = False) -> Outputs:
        """Return draws, of the variables relaxed ones in training and one-hot ones outside."""
        mean, logits = parameters["mean"], parameters["logits"]
        epsilon = self.noise.normal(ops.shape(mean), "float32", training)
        z = diagonal_gaussian.sample(mean, parameters["log_var"], epsilon)
        uniform = self._split(self.noise.uniform(ops.shape(logits), training=training))
        temperature = self.temperature(training=True) if training else None
        drawn = []
        for part, noise in zip(self._split(logits), uniform, strict=True):
            if temperature is None:
                drawn.append(gumbel.one_hot(part, noise))
                continue
            relaxed = relaxed_categorical.sample(part, temperature, noise)
            drawn.append(straight_through(relaxed) if self.straight_through else relaxed)
        return {"latent": ops.concatenate([z, *drawn], axis=-1)}

    def log_prob(self, outputs: Outputs) -> Tensor:
        """Return the log-density of z with the log-probability of discrete draws, `(batch,)`."""
        z, variables = outputs["latent"][:, : self.size], outputs["latent"][:, self.size :]
        density = diagonal_gaussian.log_prob(z, outputs["mean"], outputs["log_var"])
        return sum_event(density) + sum_event(variables * outputs["logits"])

    def kl(self, outputs: Outputs, prior: Any) -> Tensor:
        """Return the divergence of each number and variable, `(batch, latent_dim + variables)`."""
        numbers = diagonal_gaussian.kl_standard_normal(outputs["mean"], outputs["log_var"])
        variables = [
            ops.sum(ops.exp(part) * (part + math.log(part.shape[-1])), axis=-1, keepdims=True)
            for part in self._split(outputs["logits"])
        ]
        return ops.concatenate([numbers, *variables], axis=-1)

    def _split(self, values: Tensor) -> list[Tensor]:
        """Return the columns of each variable."""
        parts, start = [], 0
        for number in self.categories:
            parts.append(values[:, start : start + number])
            start += number
        return parts
