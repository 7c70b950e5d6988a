"""The VAE of images that look true at a small divergence: the first stage of latent diffusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.backend.phased import with_critic
from keras_ae.bottlenecks import ScaledGaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, PatchGame, Perceptual, Reconstruction
from keras_ae.priors import ScaledNormal
from keras_ae.registry import variant
from keras_ae.starting import START_ROWS, TrainingRows


@variant(paper="Rombach et al. (2022), https://arxiv.org/abs/2112.10752")
class AutoencoderKL(LatentModel):
    """Compresses images to small maps that another model can generate: unit variance, few nats.

    Minimises E_q -log p(x | z) + perceptual * sum_l |phi_l(x) - phi_l(x~)|^2 / (2 size_l)
    + beta * KL(q(z | x) || N(0, I)) - adversarial * lambda * D(x~), lambda of `PatchGame`; the
    critic D its hinge. After each `fit` the codes' channels are scaled to mean 0 and variance 1
    over the training data, the prior with them.

    Args:
        input_shape: Shape of one example, a map with channels.
        latent_dim: Channels of the code's map.
        beta: Weight of the divergence; the paper's is tiny.
        perceptual: Weight of the features' error.
        network: A Keras model from examples to feature maps, the path of a `.keras` file of one, or
            None for three convolutions of fixed random weights.
        adversarial: Weight of the autoencoder's share of the game, or a schedule.
        critic_hidden: Filters of the critic's strided convolutions.
        adaptive: Whether lambda balances the game with the other terms.
        alternate: Whether the players move in turn instead of at once.
        likelihood: p(x | z); of the paper's absolute errors by default.
        encoder: The network to the map.
        **trunk: See `LatentModel`.

    Reference:
        Rombach et al. (2022), https://arxiv.org/abs/2112.10752, section 3.1 and appendix G. Its
        features are those of a VGG-16.

    Example:
        >>> model = AutoencoderKL((8, 8, 1), latent_dim=4, hidden=[8], critic_hidden=[4])
        >>> model.latent_shape
        (4, 4, 4)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 4,
        *,
        beta: Any = 1e-6,
        perceptual: Any = 100.0,
        network: Any = None,
        adversarial: Any = 0.5,
        critic_hidden: Sequence[int] = (64, 128),
        adaptive: bool = True,
        alternate: bool = False,
        likelihood: Any = "laplace",
        encoder: Any = "conv",
        **trunk: Any,
    ) -> None:
        features = Perceptual(network, perceptual)
        # The network of a file, which may be gone when the model is loaded.
        self.__dict__["_constructor_arguments"]["network"] = features.arguments["network"]
        phases = with_critic("patch_game", "reconstruction", "perceptual", "kl")
        super().__init__(
            input_shape,
            phases=phases if alternate else (),
            bottleneck=ScaledGaussian(latent_dim),
            prior=ScaledNormal(),
            objective=[
                Reconstruction(),
                features,
                KLDivergence(beta),
                PatchGame(adversarial, critic_hidden, adaptive),
            ],
            likelihood=likelihood,
            encoder=encoder,
            **trunk,
        )

    def finish(self, rows: TrainingRows) -> None:
        """Scale the codes to mean 0 and variance 1 over some of the training rows."""
        if rows.are_readable:
            self.bottleneck.measure(self.encode(rows.first(START_ROWS)))
            prior: Any = self.prior
            prior.follow(self.bottleneck.shift, self.bottleneck.scale)
