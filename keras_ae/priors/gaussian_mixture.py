"""A mixture of normals as a prior."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.distributions import diagonal_gaussian, gumbel, special
from keras_ae.distributions.noise import Draws
from keras_ae.parts import checked_positive, checked_size
from keras_ae.priors.prior import Prior
from keras_ae.typing import Shape, Tensor

MAX_LOG_VAR = 20.0


@keras.saving.register_keras_serializable("keras_ae.priors")
class GaussianMixture(Prior):
    """p(z) = sum_k pi_k N(z; mu_k, diag sigma_k^2), its weights learned with the model's.

    Args:
        components: Number of normals.
        spread: Standard deviation of the means at the start, which are normal around 0.

    Reference:
        Jiang et al. (2017), https://arxiv.org/abs/1611.05148, section 3.1.

    Example:
        >>> prior = GaussianMixture(3)
        >>> prior.make_weights((2,), (8,))
        >>> prior.means.shape == (3, 2)
        True
    """

    def __init__(self, components: int = 10, spread: float = 1.0) -> None:
        super().__init__()
        self.components = checked_size("components", components)
        self.spread = checked_positive("spread", spread)

    def make_weights(self, latent_shape: Shape, event_shape: Shape) -> None:
        """Make logits `(components,)`, means and log-variances `(components, *latent_shape)`."""
        state = {"dtype": "float32", "autocast": False}
        shape = (self.components, *latent_shape)
        self.numbers_held = math.prod(shape)
        start = keras.initializers.RandomNormal(stddev=self.spread)
        self.logits = self.add_weight((self.components,), "zeros", name="logits", **state)
        self.means = self.add_weight(shape, start, name="means", **state)
        self.log_vars = self.add_weight(shape, "zeros", name="log_vars", **state)

    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Return the logarithm of the mixture's density."""
        return ops.logsumexp(self.joint_log_prob(z), axis=-1)

    def joint_log_prob(self, z: Tensor) -> Tensor:
        """Return log(pi_k N(z; mu_k, sigma_k^2)) of each component, `(batch, components)`."""
        return mixture_log_probs(z, *self.components_now())

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return draws from components drawn by their weights."""
        return mixture_sample(shape, *self.components_now(), noise, training)

    def start(self, codes: Any, seed: int = 0) -> None:
        """Start from normals with independent coordinates that are fitted to codes.

        Args:
            codes: `(rows, *latent_shape)`, at least as many as components.
            seed: Of the search.

        Raises:
            ValueError: There are fewer codes than components.
        """
        from sklearn.mixture import GaussianMixture as Mixture

        if len(codes) < self.components:
            raise ValueError(
                f"a mixture of {self.components} components must start from at least as many "
                f"codes. Received: {len(codes)}. Pass fewer `components`."
            )
        flat = np.asarray(codes, "float64").reshape(len(codes), -1)
        found = Mixture(self.components, covariance_type="diag", random_state=seed).fit(flat)
        shape = self.means.shape
        self.logits.assign(np.log(np.maximum(found.weights_, 1e-6)).astype("float32"))
        self.means.assign(found.means_.reshape(shape).astype("float32"))
        self.log_vars.assign(np.log(found.covariances_).reshape(shape).astype("float32"))

    def components_now(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, means and log-variances, components first each."""
        logits, means, log_vars = map(
            ops.convert_to_tensor, (self.logits, self.means, self.log_vars)
        )
        return logits, means, ops.clip(log_vars, -MAX_LOG_VAR, MAX_LOG_VAR)


def mixture_log_probs(z: Tensor, logits: Tensor, means: Tensor, log_vars: Tensor) -> Tensor:
    """Return log(pi_k N(z; mu_k, sigma_k^2)), `(batch, components)`, nats.

    Args:
        z: Points `(batch, ...)`.
        logits: Of the components' weights, `(components,)`.
        means: `(components, ...)`.
        log_vars: `(components, ...)`.
    """
    z = ops.expand_dims(ops.cast(z, "float32"), 1)
    densities = diagonal_gaussian.log_prob(z, means, log_vars)  # (batch, components, ...)
    axes = tuple(range(2, len(densities.shape)))
    return special.log_softmax(logits) + ops.sum(densities, axis=axes)


def mixture_sample(
    shape: Any,
    logits: Tensor,
    means: Tensor,
    log_vars: Tensor,
    noise: Draws,
    training: bool = False,
) -> Tensor:
    """Return draws `(batch, ...)` from components drawn by their weights; see the density."""
    components = means.shape[0]
    uniform = noise.uniform((shape[0], components), training=training)
    chosen = gumbel.one_hot(logits, uniform)
    flat = math.prod(means.shape[1:])
    mean, log_var = (
        ops.reshape(ops.matmul(chosen, ops.reshape(a, (components, flat))), shape)
        for a in (means, log_vars)
    )
    return diagonal_gaussian.sample(mean, log_var, noise.normal(shape, training=training))
