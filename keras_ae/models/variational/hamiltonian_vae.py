"""The Hamiltonian variational autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Hamiltonian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Caterini et al. (2018), https://arxiv.org/abs/1805.11328")
class HamiltonianVAE(LatentModel):
    """Moves each draw towards the true posterior by leapfrog steps that the decoder drives.

    Minimises -E[log p(x, z_K) + log N(r_K; 0, I) - log q(z_0 | x) - log N(n; 0, I)], of which
    -log p(x | z_K) is the reconstruction, and the rest the rate.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        leapfrog_steps: Steps of a draw, each of which needs the decoder's gradient.
        step_size: Where the learned size of the steps starts, below 1.
        beta_zero: Where the learned inverse temperature of the first momentum starts, in
            (0.01, 1]; 1 is without tempering.
        prior: p(z).
        **trunk: See `LatentModel`.

    Reference:
        Caterini et al. (2018), https://arxiv.org/abs/1805.11328, algorithm 1. The
        densities of the noise are those of its draws, not their means; what is bounded is said in
        `keras_ae.bottlenecks.Hamiltonian`.

    Example:
        >>> model = HamiltonianVAE((6,), latent_dim=2, hidden=[8], likelihood="bernoulli")
        >>> model.sample(3, seed=0).shape
        (3, 6)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        leapfrog_steps: int = 3,
        step_size: float = 0.05,
        beta_zero: float = 0.3,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Hamiltonian(latent_dim, leapfrog_steps, step_size, beta_zero),
            prior=prior,
            objective=[Reconstruction(), KLDivergence()],
            **trunk,
        )
