"""A prior of two levels whose upper one is a mixture of posteriors."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.parts import checked_size
from keras_ae.priors.gaussian_mixture import MAX_LOG_VAR, mixture_log_probs, mixture_sample
from keras_ae.priors.prior import Prior
from keras_ae.priors.pseudo_inputs import PseudoInputs
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.priors")
class TwoLevelVamp(Prior):
    """p(z_1, z_2) = p(z_1 | z_2) 1/K sum_k q(z_2 | u_k), for codes that are z_1, then z_2.

    p(z_1 | z_2) is normal with parameters from a network. It needs a model with a
    `TwoLevelGaussian` posterior.

    Args:
        lower_dim: Length of z_1, the posterior's.
        components: K.
        hidden: Width of the network from z_2 to the parameters of z_1.

    Reference:
        Tomczak and Welling (2018), https://arxiv.org/abs/1705.07120, section 3, equations 12, 13.

    Example:
        >>> TwoLevelVamp(3, components=10).components
        10
    """

    adapts = True

    def __init__(self, lower_dim: int, components: int = 500, hidden: int = 128) -> None:
        super().__init__()
        self.pseudo_inputs = PseudoInputs(components)
        self.components = self.pseudo_inputs.count
        self.lower_dim = checked_size("lower_dim", lower_dim)
        self.hidden = keras.layers.Dense(
            checked_size("hidden", hidden), activation="relu", dtype="float32", name="hidden"
        )
        # Near the standard normal: a variance far from 1 costs e^log_var at once.
        small = keras.initializers.RandomNormal(stddev=0.01)
        self.lower = keras.layers.Dense(
            2 * lower_dim, kernel_initializer=small, dtype="float32", name="lower"
        )

    def check_model(self, model: Any) -> None:
        """Refuse a model whose posterior has not these two levels.

        Raises:
            ValueError: As said.
        """
        if getattr(model.bottleneck, "lower_dim", None) != self.lower_dim:
            raise ValueError(
                "a two-level VampPrior needs a model with a TwoLevelGaussian posterior of its "
                f"`lower_dim`. Received: {type(model.bottleneck).__name__}, "
                f"lower_dim={self.lower_dim}"
            )

    def make_weights(self, latent_shape: Shape, event_shape: Shape) -> None:
        """Make the inputs, `(components, *event_shape)`, and the network."""
        self.hidden.build((None, latent_shape[0] - self.lower_dim))
        self.lower.build((None, self.hidden.units))
        self.numbers_held = self.components * math.prod(latent_shape)
        self.pseudo_inputs.make_weights(event_shape)

    def make_conditional_weights(self, centre: Any) -> None:
        """Make the inputs' conditions."""
        self.pseudo_inputs.make_conditional_weights(centre)

    def adapt(self, model: Any, rows: Any, seed: int = 0) -> None:
        """Start the inputs at training examples."""
        self.pseudo_inputs.adapt(rows, seed)

    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Return log p(z_1 | z_2) + log p(z_2)."""
        z = ops.cast(z, "float32")
        lower, upper = z[:, : self.lower_dim], z[:, self.lower_dim :]
        density = sum_event(diagonal_gaussian.log_prob(lower, *self._lower_parameters(upper)))
        return density + ops.logsumexp(mixture_log_probs(upper, *self._components(model)), axis=-1)

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return z_1 drawn given z_2, and z_2 from posteriors of inputs drawn evenly."""
        components = self._components(model)
        upper = mixture_sample((shape[0], shape[1] - self.lower_dim), *components, noise, training)
        epsilon = noise.normal((shape[0], self.lower_dim), training=training)
        lower = diagonal_gaussian.sample(*self._lower_parameters(upper), epsilon)
        return ops.concatenate([lower, upper], axis=-1)

    def _components(self, model: Any) -> tuple[Tensor, Tensor, Tensor]:
        features = self.pseudo_inputs.features(model)
        return ops.zeros((self.components,), "float32"), *model.bottleneck.upper_parameters(
            features
        )

    def _lower_parameters(self, upper: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_var = ops.split(self.lower(self.hidden(upper)), 2, axis=-1)
        return mean, ops.clip(log_var, -MAX_LOG_VAR, MAX_LOG_VAR)
