"""A posterior that refines a normal draw by dynamics over a learned metric of the codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.bottlenecks.dynamics import Dynamics
from keras_ae.bottlenecks.posterior import head
from keras_ae.distributions.kernel_metric import MIN_FLOOR, KernelMetric, bounded_factors
from keras_ae.distributions.leapfrog import cooling, generalised_leapfrog
from keras_ae.parts import checked_positive, checked_size
from keras_ae.typing import Batch, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class RiemannianHamiltonian(Dynamics):
    """q(z | x): z_0 ~ N(mean(h), diag exp(log_var(h))) after K steps over a metric of the codes.

    G^{-1}(z) = sum_i L_i L_i^T exp(-|z - c_i|^2 / T^2) + lambda I, with c_i the mean of
    q(z_0 | x_i) and L_i lower triangular, both of the features of some rows x_i, which are chosen
    when training begins and kept: a file of the model holds them. The steps follow the Hamiltonian
    -log p(x, z) - log N(r; 0, G(z)) from r_0 = g / sqrt(beta_0), g ~ N(0, G(z_0)), and E[log p(x,
    z_K) + log N(r_K; 0, G(z_K)) - log q(z_0 | x) - log N(g; 0, G(z_0))] is a bound on log p(x) as
    far as the steps keep volume but for their tempering.

    Their implicit equations are solved by 3 fixed-point iterations, which is enough while the steps
    are short for G^{-1}: where its eigenvalues are up to 1000, as they are among 100 centres close
    together, the log-volume of three steps of 0.01 errs by 3e-4 nats on average, that of 0.03 by
    0.07, and that of 0.1 by more than a nat, so that it is no bound then; nor is it where G^{-1} is
    much larger. Entries of L_i, the push of the potential and the speed of large momenta are
    bounded.

    The code is the mean of z_0, which needs neither steps nor a metric.

    Args:
        latent_dim: Length of the code.
        input_shape: Shape of one example.
        centres: Rows of the training data that make the metric, encoded anew in every step. The
            paper takes all rows of the data.
        temperature: T, positive.
        regularization: lambda, at least 0.001.
        leapfrog_steps: K.
        step_size: Where the size of the steps starts, of each coordinate, below 1.
        beta_zero: Where beta_0 starts, in (0.01, 1]. It is learned, unless it is 1.
        learn_step_size: Whether the size of the steps is learned.

    Reference:
        Chadebec et al. (2020), https://arxiv.org/abs/2010.11518, section 3; Chadebec et al.
        (2021), https://arxiv.org/abs/2105.00026, section 3.

    Example:
        >>> import numpy as np
        >>> code = RiemannianHamiltonian(2, (4,), centres=10)
        >>> code(np.ones((3, 5), "float32"), sample=True)["latent"].shape == (3, 2)
        True
    """

    adapts = True

    def __init__(
        self,
        latent_dim: int,
        input_shape: Sequence[int],
        centres: int = 100,
        temperature: float = 1.5,
        regularization: float = 0.01,
        leapfrog_steps: int = 3,
        step_size: float = 0.01,
        beta_zero: float = 0.3,
        learn_step_size: bool = True,
    ) -> None:
        super().__init__(latent_dim, leapfrog_steps, step_size, beta_zero, learn_step_size)
        self.centres = checked_size("centres", centres)
        self.temperature = checked_positive("temperature", temperature)
        self.regularization = checked_positive("regularization", regularization)
        if self.regularization < MIN_FLOOR:
            raise ValueError(
                f"`regularization` must be at least {MIN_FLOOR:g}, or float32 cannot factor the "
                f"metric. Received: regularization={regularization}"
            )
        start = keras.initializers.RandomNormal(stddev=0.5)
        state = {"dtype": "float32", "autocast": False, "trainable": False}
        self.rows = self.add_weight((self.centres, *input_shape), start, name="rows", **state)
        self.factor_head = head(self.latent_shape[0] * (self.latent_shape[0] + 1) // 2, "factors")

    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights of the normal, of the steps and of the metric."""
        super().build_heads(flat_shape)
        self.factor_head.build(flat_shape)

    def adapt(self, vectors: Any, seed: int = 0) -> None:
        """Keep rows drawn from `vectors`, normalised `(n, *input_shape)`."""
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(vectors), self.centres, replace=len(vectors) < self.centres)
        self.rows.assign(np.nan_to_num(np.asarray(vectors)[chosen]).astype("float32"))

    def moved(self, model: Any, batch: Batch, z: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return z_K, and log N(r_K; 0, G(z_K)) - log N(g; 0, G(z_0))."""
        metric = self.metric(model)
        place = metric.at(z)
        momentum = place.momentum(noise)
        start = place.log_prob(momentum)
        z, momentum = generalised_leapfrog(
            z,
            momentum * ops.rsqrt(self.beta),
            self.slope(model, batch),
            metric,
            self.step,
            cooling(self.beta, self.leapfrog_steps),
        )
        return z, metric.at(z).log_prob(momentum) - start

    def metric(self, model: Any) -> KernelMetric:
        """Return the metric that the kept rows make."""
        rows = model.likelihood.nearest(ops.convert_to_tensor(self.rows))
        told = None
        if model.condition is not None:  # the metric is one for all conditions
            centre = ops.convert_to_tensor(model.condition.centre()[None])
            told = ops.repeat(centre, self.centres, axis=0)
        features = self.flatten(model.features(rows, Batch(rows, rows, told)))
        codes, factors = self.mean_head(features), bounded_factors(self.factor_head(features))
        return KernelMetric(codes, factors, self.temperature, self.regularization)
