"""Hamiltonian Monte Carlo over the geometry that a model's posteriors give its codes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.backend import loops
from keras_ae.distributions.noise import Draws
from keras_ae.parts import checked_positive, checked_size
from keras_ae.samplers.aggregated_posterior import normal
from keras_ae.samplers.sampler import Sampler
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.samplers")
class RiemannianHMC(Sampler):
    """Draws evenly by the Riemannian volume sqrt(det G(z)), which is large where data are.

    G(z) = sum_i diag(1 / s_i^2) w_i(z) + lambda exp(-tau |z|^2) I, with s_i^2 the posterior
    variances at chosen rows and w_i(z) = exp(-sum_j (z_j - m_ij)^2 / (s_ij^2 rho^2)). Chains start
    at the rows' means and take leapfrog steps that are accepted or rejected.

    Args:
        steps: Transitions of each chain.
        leapfrog_steps: Steps of a transition.
        step_size: Length of a step.
        centres: Rows that G is made of at most.
        regularization: lambda, positive.
        decay: tau, positive.

    Reference:
        Chadebec and Allassonniere (2022), https://arxiv.org/abs/2209.07370, equations 7 to 9;
        rho is the largest distance between neighbouring centres in the metric of either.

    Example:
        >>> RiemannianHMC(steps=10).steps
        10
    """

    needs_posterior = True

    def __init__(
        self,
        steps: int = 100,
        leapfrog_steps: int = 10,
        step_size: float = 0.01,
        centres: int = 200,
        regularization: float = 1e-2,
        decay: float = 1e-3,
    ) -> None:
        super().__init__()
        self.steps = checked_size("steps", steps)
        self.leapfrog_steps = checked_size("leapfrog_steps", leapfrog_steps)
        self.step_size = checked_positive("step_size", step_size)
        self.centres = checked_size("centres", centres)
        self.regularization = checked_positive("regularization", regularization)
        self.decay = checked_positive("decay", decay)

    def check_model(self, model: Any) -> None:
        """Refuse a model whose posterior is not a normal of independent coordinates.

        Raises:
            ValueError: As said.
        """
        super().check_model(model)
        if not normal(model):
            raise ValueError(
                "RiemannianHMC needs a Gaussian posterior, whose variances make its metric. "
                f"Received: {type(model.bottleneck).__name__}. Take 'gaussian_mixture'."
            )

    def fit_codes(self, model: Any, x: Any, codes: np.ndarray, *, labels: Any, seed: int) -> None:
        """Keep means and precisions of chosen rows, and rho."""
        parameters = model.posterior(x)
        rows = np.random.default_rng(seed).permutation(len(codes))[: self.centres]
        means, precisions = parameters["mean"][rows], np.exp(-parameters["log_var"][rows])
        apart = ((means[:, None] - means) ** 2 * precisions).sum(-1)
        np.fill_diagonal(apart, np.inf)
        nearest = apart.min(axis=1) if len(rows) > 1 else np.ones(1)
        self.keep(means=means, precisions=precisions, rho=np.sqrt(nearest.max()))

    def is_tempered(self) -> bool:
        """Return that the noise is that of momenta."""
        return False

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return where the chains end."""
        size = self.kept["means"].shape[1]
        start = noise.integers((shape[0],), self.kept["means"].shape[0], training)
        momenta = noise.normal((shape[0], self.steps, size), training=training)
        uniform = noise.uniform((shape[0], self.steps), training=training)
        z = ops.take(ops.convert_to_tensor(self.kept["means"]), start, axis=0)

        def transition(index: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            z, volume = state
            momentum = ops.take(momenta, index, axis=1)
            moved, ended = self._leapfrog(z, momentum)
            moved_volume = self.log_volume(moved)
            energy = 0.5 * ops.sum(momentum**2 - ended**2, axis=1)
            draw = ops.log(ops.maximum(ops.take(uniform, index, axis=1), 1e-30))
            accepted = draw < moved_volume - volume + energy
            z = ops.where(accepted[:, None], moved, z)
            return z, ops.where(accepted, moved_volume, volume)

        z, _ = loops.repeat(self.steps, transition, (z, self.log_volume(z)))
        return ops.reshape(z, shape)

    def log_volume(self, z: Tensor) -> Tensor:
        """Return log sqrt(det G(z)), `(batch,)`."""
        return 0.5 * ops.sum(ops.log(self._metric(z)[0]), axis=1)

    def _leapfrog(self, z: Tensor, momentum: Tensor) -> tuple[Tensor, Tensor]:
        # Half a push at either end: those of neighbouring steps are one.
        momentum = momentum + 0.5 * self.step_size * self.volume_gradient(z)
        for step in range(1, self.leapfrog_steps + 1):
            z = z + self.step_size * momentum
            share = 0.5 if step == self.leapfrog_steps else 1.0
            momentum = momentum + share * self.step_size * self.volume_gradient(z)
        return z, momentum

    def volume_gradient(self, z: Tensor) -> Tensor:
        """Return the gradient of `log_volume`, `(batch, latent_dim)`."""
        metric, weights, floor = self._metric(z)
        means, precisions, rho = self._geometry()
        # d/dz_k of G_jj is sum_i p_ij w_i (-2 p_ik (z_k - m_ik) / rho^2) - 2 tau z_k floor.
        share = weights * ops.matmul(1.0 / metric, ops.transpose(precisions))  # (batch, centres)
        pull = z * ops.matmul(share, precisions) - ops.matmul(share, precisions * means)
        flat = self.decay * z * floor * ops.sum(1.0 / metric, axis=1, keepdims=True)
        return -pull / rho**2 - flat

    def _metric(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the diagonal of G, the centres' weights and the floor, batch first each."""
        means, precisions, rho = self._geometry()
        distance = ops.sum(ops.square(z[:, None] - means) * precisions, axis=2)
        weights = ops.exp(-distance / rho**2)
        floor = self.regularization * ops.exp(
            -self.decay * ops.sum(ops.square(z), axis=1, keepdims=True)
        )
        return ops.matmul(weights, precisions) + floor, weights, floor

    def _geometry(self) -> tuple[Tensor, Tensor, Tensor]:
        kept = self.kept
        means, precisions, rho = (
            ops.convert_to_tensor(kept[key]) for key in ("means", "precisions", "rho")
        )
        return means, precisions, rho
