"""The VAE whose errors are those of a critic's features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.backend.phased import Phase, critics, layers
from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import ExampleGame, KLDivergence, LearnedSimilarity
from keras_ae.registry import variant


@variant(paper="Larsen et al. (2016), https://arxiv.org/abs/1512.09300")
class VAEGAN(LatentModel):
    """Compares data and reconstructions by what a critic of examples has learned to see.

    The encoder minimises KL(q(z | x) || p(z)) - log p(D_l(x) | z); the decoder -gamma
    log p(D_l(x) | z) + adversarial * (-log D(x~) - log D(x_p)); the critic -log D(x) -
    log(1 - D(x~)) - log(1 - D(x_p)), with reconstructions x~ and examples x_p of the prior. By
    default all weights move at once, each network by its own gradient; `alternate=True` takes a
    step of encoder, decoder and critic for each batch, each with an optimizer of its own, on
    passes of their own.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        gamma: By how much more the decoder hears of the features' errors than the encoder.
        adversarial: Weight of the decoder's share of the game.
        critic: Network from examples to features: "mlp", "conv", or `{"name": ...}`.
        critic_hidden: Sizes of its stages; the network's default when None.
        alternate: Whether the players move in turn instead of at once.
        prior: p(z).
        **trunk: See `LatentModel`.

    Reference:
        Larsen et al. (2016), https://arxiv.org/abs/1512.09300, equations 7 to 9 and algorithm 1,
        with the non-saturating share of the decoder.

    Example:
        >>> [term.name for term in VAEGAN((6,), latent_dim=2).objective]
        ['learned_similarity', 'kl', 'example_game']
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        gamma: float = 1.0,
        adversarial: float = 1.0,
        critic: Any = "mlp",
        critic_hidden: Sequence[int] | None = None,
        alternate: bool = False,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        phases = (
            Phase(
                "encoder",
                layers("encoder", "bottleneck"),
                ("learned_similarity", "kl"),
            ),
            Phase("decoder", layers("decoder"), ("learned_similarity", "example_game")),
            Phase("critic", critics, ("example_game",)),
        )
        super().__init__(
            input_shape,
            phases=phases if alternate else (),
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[
                LearnedSimilarity(1.0, gamma),
                KLDivergence(),
                ExampleGame(adversarial, critic, critic_hidden),
            ],
            **trunk,
        )
