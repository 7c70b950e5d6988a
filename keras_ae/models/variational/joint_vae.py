"""The VAE with numbers and discrete variables in its code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from keras_ae import priors
from keras_ae.bottlenecks import Joint
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLCapacity, LinearWarmup, Reconstruction
from keras_ae.parts import checked_non_negative, checked_size
from keras_ae.registry import variant


@variant(paper="Dupont (2018), https://arxiv.org/abs/1804.00104")
class JointVAE(LatentModel):
    """Separates kinds from degrees: discrete variables beside numbers, each with its capacity.

    Minimises E_q -log p(x | z, c) + gamma |KL(q(z | x) || p(z)) - C_z| + gamma |KL(q(c | x) ||
    p(c)) - C_c|, C_z and C_c rising from 0 in the first steps of training, C_c no further than
    sum_i log K_i, where it arrives the earlier.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of z.
        categories: Number of categories K_i of each discrete variable.
        gamma: How strictly the rates are held.
        continuous_capacity: C_z at the end of its rise, nats.
        discrete_capacity: C_c at the end of its rise, nats.
        warmup_steps: Training steps of the rise.
        temperature: Of the relaxed draws.
        **trunk: See `LatentModel`.

    Reference:
        Dupont (2018), https://arxiv.org/abs/1804.00104, equation 7; the defaults are those for
        MNIST. The rates of each example are held; the author's code holds a batch's means.

    Example:
        >>> JointVAE((6,), latent_dim=2, categories=[3]).latent_shape
        (5,)
    """

    chooses = ("prior",)

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 10,
        *,
        categories: Sequence[int] = (10,),
        gamma: Any = 30.0,
        continuous_capacity: float = 5.0,
        discrete_capacity: float = 5.0,
        warmup_steps: int = 25_000,
        temperature: Any = 0.67,
        **trunk: Any,
    ) -> None:
        code = Joint(latent_dim, categories, temperature)
        most = sum(map(math.log, code.categories))
        steps = checked_size("warmup_steps", warmup_steps)
        limit = checked_non_negative("discrete_capacity", discrete_capacity)
        share = min(1.0, most / limit) if limit else 1.0
        held = {
            "continuous": LinearWarmup(steps, end=continuous_capacity),
            "discrete": LinearWarmup(max(1, round(share * steps)), end=share * limit),
        }
        super().__init__(
            input_shape,
            bottleneck=code,
            prior=priors.Joint(categories),
            objective=[
                Reconstruction(),
                *(KLCapacity(gamma, capacity, part) for part, capacity in held.items()),
            ],
            **trunk,
        )
