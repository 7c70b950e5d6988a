"""The adversarial autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.backend.phased import Phase
from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Adversarial, Reconstruction
from keras_ae.parts import checked_sizes
from keras_ae.registry import variant


@variant(paper="Makhzani et al. (2015), https://arxiv.org/abs/1511.05644")
class AdversarialAutoencoder(LatentModel):
    """Pulls the codes' distribution to the prior by a critic instead of a divergence.

    Minimises -log p(x | z) + adversarial * (-log D(z)), z = f(x), against a critic D that tells
    codes from draws of the prior. By default all weights move at once, each player by its own
    gradient; `alternate=True` takes the paper's three steps for each batch (reconstruction,
    critic, encoder), each with an optimizer of its own.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        adversarial: Weight of the encoder's share of the game.
        critic_hidden: Widths of the critic's hidden layers.
        alternate: Whether the players move in turn instead of at once.
        prior: The distribution that the codes are pulled to.
        **trunk: See `LatentModel`.

    Reference:
        Makhzani et al. (2015), https://arxiv.org/abs/1511.05644, section 2 with the deterministic
        encoder of section 2.1.

    Example:
        >>> AdversarialAutoencoder((6,), latent_dim=2).sample(3, seed=0).shape
        (3, 6)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        adversarial: float = 1.0,
        critic_hidden: Sequence[int] = (256, 256),
        alternate: bool = False,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        autoencoder = Phase(
            "reconstruction", lambda m: [m.encoder, m.bottleneck, m.decoder], ("reconstruction",)
        )
        critic = Phase("critic", lambda m: [m.objective[1].critic], ("adversarial",))
        encoder = Phase("encoder", lambda m: [m.encoder, m.bottleneck], ("adversarial",))
        sizes = checked_sizes("critic_hidden", critic_hidden)
        super().__init__(
            input_shape,
            phases=(autoencoder, critic, encoder) if alternate else (),
            bottleneck=Deterministic(latent_dim),
            prior=prior,
            objective=[Reconstruction(), Adversarial(adversarial, sizes)],
            **trunk,
        )
