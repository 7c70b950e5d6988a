"""The Riemannian Hamiltonian variational autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import RiemannianHamiltonian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Chadebec et al. (2020), https://arxiv.org/abs/2010.11518")
class RiemannianHamiltonianVAE(LatentModel):
    """Learns a metric of its codes, over which steps move each draw towards the posterior.

    Minimises -E[log p(x, z_K) + log N(r_K; 0, G(z_K)) - log q(z_0 | x) - log N(g; 0, G(z_0))], of
    which -log p(x | z_K) is the reconstruction, and the rest the rate.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        centres: Rows of the training data that the metric is made of, and which the model keeps.
        temperature: Distance, in codes, as far as a row is felt.
        regularization: What the metric's inverse is of where there are no rows.
        leapfrog_steps: Steps of a draw, each of which needs the decoder's gradient.
        step_size: Where the learned size of the steps starts, below 1.
        beta_zero: Where the learned inverse temperature of the first momentum starts, in
            (0.01, 1]; 1 is without tempering.
        prior: p(z).
        **trunk: See `LatentModel`.

    Reference:
        Chadebec et al. (2020), https://arxiv.org/abs/2010.11518, section 3; Chadebec et al.
        (2021), https://arxiv.org/abs/2105.00026. The paper takes all rows as centres; what else is
        not as in it is said in `keras_ae.bottlenecks.RiemannianHamiltonian`.

    Example:
        >>> model = RiemannianHamiltonianVAE((6,), latent_dim=2, centres=10, hidden=[8])
        >>> model.sample(3, seed=0).shape
        (3, 6)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        centres: int = 100,
        temperature: float = 1.5,
        regularization: float = 0.01,
        leapfrog_steps: int = 3,
        step_size: float = 0.01,
        beta_zero: float = 0.3,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        code = RiemannianHamiltonian(
            latent_dim,
            input_shape,
            centres,
            temperature=temperature,
            regularization=regularization,
            leapfrog_steps=leapfrog_steps,
            step_size=step_size,
            beta_zero=beta_zero,
        )
        objective = [Reconstruction(), KLDivergence()]
        super().__init__(input_shape, bottleneck=code, prior=prior, objective=objective, **trunk)
