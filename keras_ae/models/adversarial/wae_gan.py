"""The Wasserstein autoencoder by a critic of codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.backend.phased import Phase, critics, layers
from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Adversarial, Reconstruction
from keras_ae.parts import checked_sizes
from keras_ae.registry import variant


@variant(paper="Tolstikhin et al. (2018), https://arxiv.org/abs/1711.01558")
class WAEGAN(LatentModel):
    """Matches the codes' distribution to the prior by a critic, whatever the cost of errors.

    Minimises -log p(x | z) + matching * (-log D(z)), z = f(x), against a critic D that minimises
    -log D(z') - log(1 - D(z)), z' ~ p(z): the adversarial autoencoder under any cost. By default
    all weights move at once, each player by its own gradient; `alternate=True` takes the paper's
    two steps for each batch, critic and autoencoder, each with an optimizer of its own.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        matching: lambda, of the encoder's share; the critic's loss has weight 1, which Adam makes
            of any.
        critic_hidden: Widths of the critic's hidden layers.
        alternate: Whether the players move in turn instead of at once.
        prior: p(z).
        **trunk: See `LatentModel`.

    Reference:
        Tolstikhin et al. (2018), https://arxiv.org/abs/1711.01558, algorithm 1; lambda 5
        beside half a squared error is its 10 beside a whole one, for MNIST.

    Example:
        >>> WAEGAN((6,), latent_dim=2).sample(3, seed=0).shape
        (3, 6)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        matching: float = 5.0,
        critic_hidden: Sequence[int] = (256, 256),
        alternate: bool = False,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        sizes = checked_sizes("critic_hidden", critic_hidden)
        both = ("reconstruction", "adversarial")
        phases = (
            Phase("critic", critics, ("adversarial",)),
            Phase("autoencoder", layers("encoder", "bottleneck", "decoder", "likelihood"), both),
        )
        super().__init__(
            input_shape,
            phases=phases if alternate else (),
            bottleneck=Deterministic(latent_dim),
            prior=prior,
            objective=[Reconstruction(), Adversarial(matching, sizes)],
            **trunk,
        )
