"""The VAE whose rate is held at a rising capacity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLCapacity, LinearWarmup, Reconstruction
from keras_ae.registry import variant


@variant(paper="Burgess et al. (2018), https://arxiv.org/abs/1804.03599")
class CapacityVAE(LatentModel):
    """Holds the rate at a capacity that grows: factors of variation enter the code one by one.

    Minimises E_q -log p(x | z) + gamma |KL(q(z | x) || p(z)) - C|, C rising from 0 on a line over
    the first steps of training.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        gamma: How strictly the rate is held, not negative.
        capacity: C at the end of its rise, nats.
        warmup_steps: Training steps of the rise; the paper's 100,000 are 213 epochs of MNIST.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Burgess et al. (2018), https://arxiv.org/abs/1804.03599, equation 8. The rate of each
        example is held; the usual code holds the mean of a batch's.

    Example:
        >>> term = CapacityVAE((6,), latent_dim=2, capacity=8.0, warmup_steps=100).objective[1]
        >>> float(term.capacity(50))
        4.0
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        gamma: Any = 1000.0,
        capacity: float = 25.0,
        warmup_steps: int = 100_000,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[
                Reconstruction(),
                KLCapacity(gamma, LinearWarmup(warmup_steps, end=capacity)),
            ],
            **trunk,
        )
