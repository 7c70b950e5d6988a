"""A normal posterior with independent coordinates."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.bottlenecks.diagonal_gaussian import MAX_LOG_VAR, DiagonalGaussian, bounded
from keras_ae.bottlenecks.posterior import head
from keras_ae.distributions import diagonal_gaussian
from keras_ae.parts import checked_claim, checked_size, is_number
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Gaussian(DiagonalGaussian):
    """q(z | x) = N(z; mean(h), diag exp(log_var(h))), drawn by the reparameterisation trick.

    Both heads are float32 under any mixed-precision policy. `log_var` is bounded to +-20, far
    outside of what a posterior needs, so that its exponential stays finite.

    Args:
        latent_dim: Length of the code, at least 1.
        committed_rate: delta, nats: the least divergence from a standard normal that the family
            can have, shared evenly by the coordinates, whose variances are kept below what gives
            it. A decoder cannot learn to ignore such a code. 0 is the whole family.
        each: Whether every position of the features (a node, a step) has a code of its own.

    Reference:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, equation 9 and appendix C.2;
        Razavi et al. (2019), https://arxiv.org/abs/1901.03416, section 2, for the committed rate.
        The paper bounds the variance from both sides and moves the mean; a bound from above
        commits the same rate.

    Example:
        >>> import numpy as np
        >>> outputs = Gaussian(2)(np.ones((3, 5), "float32"), sample=True)
        >>> sorted(outputs)
        ['latent', 'log_var', 'mean']
    """

    def __init__(self, latent_dim: int, committed_rate: float = 0.0, each: bool = False) -> None:
        super().__init__(checked_claim("each", each))
        self.is_local = each
        latent_dim = checked_size("latent_dim", latent_dim)
        self.latent_shape = (latent_dim,)
        if not is_number(committed_rate) or not 0 <= committed_rate <= 9.0 * latent_dim:
            raise ValueError(
                "`committed_rate` must be a number of nats from 0 to 9 for each coordinate. "
                f"Received: committed_rate={committed_rate}"
            )
        self.max_log_var = log_variance_of_rate(committed_rate / latent_dim)
        self.mean_head = head(latent_dim, "mean")
        self.log_var_head = head(latent_dim, "log_var")

    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights of both heads."""
        self.latent_shape = (*flat_shape[1:-1], self.mean_head.units)
        self.mean_head.build(flat_shape)
        self.log_var_head.build(flat_shape)

    def parameters_of(self, features: Tensor) -> Outputs:
        """Return `mean` and `log_var`, each `(batch, latent_dim)` float32."""
        log_var = bounded(self.log_var_head(features))
        if self.max_log_var < MAX_LOG_VAR:
            # A hard bound would stop the gradient of every coordinate that reaches it.
            log_var = self.max_log_var - ops.softplus(self.max_log_var - log_var)
        return {"mean": self.mean_head(features), "log_var": log_var}


def log_variance_of_rate(rate: float) -> float:
    """Return the largest log s <= 0 with (s - 1 - log s) / 2 >= rate, or the bound for rate 0."""
    if rate == 0:
        return MAX_LOG_VAR
    low, high = -2.0 * rate - 1.0, 0.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        enough = diagonal_gaussian.rate_of_log_variance(middle) >= rate
        low, high = (middle, high) if enough else (low, middle)
    return low
