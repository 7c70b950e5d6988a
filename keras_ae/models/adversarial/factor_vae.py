"""The VAE whose codes' total correlation a critic measures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.backend.phased import Phase, critics, layers
from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, PermutedGame, Reconstruction
from keras_ae.parts import checked_sizes
from keras_ae.registry import variant


@variant(paper="Kim and Mnih (2018), https://arxiv.org/abs/1802.05983")
class FactorVAE(LatentModel):
    """Makes the numbers of a code independent of one another, at no cost in what they tell.

    Minimises -log p(x | z) + KL(q(z | x) || p(z)) + gamma * log D(z) / (1 - D(z)), z ~ q(z | x),
    with a critic D that tells codes from codes whose numbers come from different rows. By default
    all weights move at once, each player by its own gradient; `alternate=True` takes the paper's
    two steps for each batch, autoencoder and critic, each with an optimizer of its own.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code, at least 2.
        gamma: Weight of the total correlation: 10 to 100 in the paper's studies.
        critic_hidden: Widths of the critic's hidden layers: six of 1000 in the paper.
        alternate: Whether the players move in turn instead of at once.
        prior: p(z).
        **trunk: See `LatentModel`.

    Reference:
        Kim and Mnih (2018), https://arxiv.org/abs/1802.05983, equation 2 and algorithm 2. The codes
        that are permuted are the batch's own, where the paper takes those of another batch.

    Example:
        >>> [term.name for term in FactorVAE((6,), latent_dim=2).objective]
        ['reconstruction', 'kl', 'permuted_game']
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        gamma: float = 10.0,
        critic_hidden: Sequence[int] = (256, 256),
        alternate: bool = False,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        sizes = checked_sizes("critic_hidden", critic_hidden)
        terms = [Reconstruction(), KLDivergence(), PermutedGame(gamma, sizes)]
        names = tuple(term.name for term in terms)
        phases = (
            Phase(
                "autoencoder",
                layers("encoder", "bottleneck", "decoder", "likelihood", "prior"),
                names,
            ),
            Phase("critic", critics, names[-1:]),
        )
        super().__init__(
            input_shape,
            phases=phases if alternate else (),
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=terms,
            **trunk,
        )
