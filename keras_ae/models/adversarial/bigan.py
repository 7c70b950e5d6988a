"""The bidirectional generative adversarial network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.backend.phased import Phase, critics, layers
from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import PairGame, Reconstruction
from keras_ae.registry import variant


@variant(paper="Donahue et al. (2017), https://arxiv.org/abs/1605.09782")
class BiGAN(LatentModel):
    """Makes encoder and decoder each other's inverse by a critic of pairs of both.

    Encoder E and decoder G minimise -log(1 - D(x, E(x))) - log D(G(z), z), z ~ p(z), against a
    critic D that minimises -log D(x, E(x)) - log(1 - D(G(z), z)). By default all weights move at
    once, each player by its own gradient, as in the paper; `alternate=True` takes a step of the
    critic and one of encoder and decoder for each batch, each with an optimizer of its own.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        reconstruction: Weight of -log p(x | E(x)); at 0, the paper's, it is logged and scores
            examples, but trains nothing.
        critic: Network from examples to features: "mlp", "conv", or `{"name": ...}`.
        critic_hidden: Sizes of its stages; the network's default when None.
        pair_hidden: Widths of the layers that see features and code side by side.
        alternate: Whether the players move in turn instead of at once.
        prior: p(z).
        **trunk: See `LatentModel`.

    Reference:
        Donahue et al. (2017), https://arxiv.org/abs/1605.09782, equation 2 and section 3.4.

    Example:
        >>> BiGAN((6,), latent_dim=2).sample(3, seed=0).shape
        (3, 6)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        reconstruction: float = 0.0,
        critic: Any = "mlp",
        critic_hidden: Sequence[int] | None = None,
        pair_hidden: Sequence[int] = (256,),
        alternate: bool = False,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        both = layers("encoder", "bottleneck", "decoder", "likelihood")
        phases = (
            Phase("critic", critics, ("pair_game",)),
            Phase("autoencoder", both, ("reconstruction", "pair_game")),
        )
        game = PairGame(1.0, critic, critic_hidden, pair_hidden)
        super().__init__(
            input_shape,
            phases=phases if alternate else (),
            bottleneck=Deterministic(latent_dim),
            prior=prior,
            objective=[Reconstruction(reconstruction), game],
            **trunk,
        )
