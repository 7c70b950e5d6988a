"""A posterior that refines a normal draw by the dynamics of the model's own log p(x, z)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.bottlenecks.dynamics import Dynamics
from keras_ae.distributions.event import sum_event
from keras_ae.distributions.leapfrog import cooling, leapfrog
from keras_ae.typing import Batch, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Hamiltonian(Dynamics):
    """q(z | x): z_0 ~ N(mean(h), diag exp(log_var(h))) after K tempered leapfrog steps.

    The steps follow the Hamiltonian -log p(x, z) + |r|^2 / 2 from r_0 ~ N(0, I / beta_0), each
    followed by a cooling of the momentum, to beta_K = 1. The cooling's volume beta_0^(d/2) is what
    r_0 = n / sqrt(beta_0) takes from the density of n ~ N(0, I), and leapfrog steps have none, so
    that E[log p(x, z_K) + log N(r_K; 0, I) - log q(z_0 | x) - log N(n; 0, I)] is a bound on
    log p(x), whatever the steps' size and the push. A push is cut to a length of 10 in a step, by
    the place alone: volume stays, and so does the bound.

    The code is the mean of z_0, which needs no steps: what encodes and scores needs no gradient.

    Args:
        latent_dim: Length of the code.
        leapfrog_steps: K.
        step_size: Where the size of the steps starts, of each coordinate, below 1.
        beta_zero: Where beta_0 starts, in (0.01, 1]. It is learned, unless it is 1.
        learn_step_size: Whether the size of the steps is learned.

    Reference:
        Caterini et al. (2018), https://arxiv.org/abs/1805.11328, section 3 and algorithm 1, with
        the quadratic scheme of tempering.

    Example:
        >>> import numpy as np
        >>> outputs = Hamiltonian(2)(np.ones((3, 5), "float32"), sample=True)
        >>> sorted(outputs)
        ['base_log_var', 'base_mean', 'latent', 'log_posterior', 'momentum', 'start']
    """

    def moved(self, model: Any, batch: Batch, z: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return z_K, and log N(r_K; 0, I) - log N(n; 0, I)."""
        momentum = noise * ops.rsqrt(self.beta)
        factors = cooling(self.beta, self.leapfrog_steps)
        z, momentum = leapfrog(z, momentum, self.slope(model, batch), self.step, factors)
        return z, 0.5 * sum_event(ops.square(noise) - ops.square(momentum))
