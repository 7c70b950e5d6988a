"""The conditional variational autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(
    paper="Sohn et al. (2015), https://papers.nips.cc/paper/2015/hash/"
    "8d55a249e6baa5c06772297520da2051-Abstract.html"
)
class ConditionalVAE(LatentModel):
    """Generates data of a kind that is asked for: its networks and prior are told a condition.

    Minimises E_q -log p(x | z, c) + KL(q(z | x, c) || p(z | c)) with one draw from q for each
    example, given as {"x": x, "condition": c}.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        condition: {"name": "label", "categories": 10}, the shape of a vector, or an instance.
        prior: "conditional_normal", the paper's, which is learned; "standard_normal" makes the code
            independent of the condition.
        **trunk: See `LatentModel`.

    Raises:
        ValueError: There is no condition.

    Reference:
        Sohn et al. (2015),
        https://papers.nips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051-Abstract.html,
        equations 4 and 5 with L = 1. The paper's x is our condition, its y our x. Its first guess
        of y, which the networks are given too, and its hybrid objective are left out.

    Example:
        >>> kinds = {"name": "label", "categories": 3}
        >>> model = ConditionalVAE((6,), latent_dim=2, hidden=[8], condition=kinds)
        >>> model.sample(4, condition=2, seed=0).shape
        (4, 6)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        condition: Any,
        prior: Any = "conditional_normal",
        **trunk: Any,
    ) -> None:
        if condition is None:
            raise ValueError(
                "a conditional model needs a condition. Received: condition=None. "
                "Pass `condition={'name': 'label', 'categories': 10}`, or take 'vae'."
            )
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            condition=condition,
            prior=prior,
            objective=[Reconstruction(), KLDivergence()],
            **trunk,
        )
