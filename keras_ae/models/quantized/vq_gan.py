"""The vector-quantized autoencoder of images that look true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.backend.phased import with_critic
from keras_ae.bottlenecks import VectorQuantizer
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import PatchGame, Perceptual, Quantization, Reconstruction
from keras_ae.registry import variant


@variant(paper="Esser et al. (2021), https://arxiv.org/abs/2012.09841")
class VQGAN(LatentModel):
    """Writes images as few codes, and makes details up that look true to a critic of patches.

    Minimises -log p(x | z_q) + perceptual * sum_l |phi_l(x) - phi_l(x~)|^2 / (2 size_l)
    + commitment * |z_e - sg(z_q)|^2 - adversarial * lambda * D(x~), lambda of `PatchGame`; the
    critic D its hinge.

    Args:
        input_shape: Shape of one example, a map with channels.
        latent_dim: Length of one code vector.
        num_codes: Size of the codebook.
        commitment: Weight beta of the commitment.
        perceptual: Weight of the features' error.
        network: A Keras model from examples to feature maps, the path of a `.keras` file of one, or
            None for three convolutions of fixed random weights.
        adversarial: Weight of the autoencoder's share of the game, or a schedule.
        critic_hidden: Filters of the critic's strided convolutions.
        adaptive: Whether lambda balances the game with the other terms.
        alternate: Whether the players move in turn instead of at once.
        estimator: What gradient passes to the features: "straight_through" or "rotation".
        likelihood: p(x | z); of the paper's absolute errors by default.
        encoder: The network to the map that is quantized.
        **trunk: See `LatentModel`.

    Reference:
        Esser et al. (2021), https://arxiv.org/abs/2012.09841, section 3.1. Its features are those
        of a VGG-16, and its codebook moves by gradients.

    Example:
        >>> model = VQGAN((8, 8, 1), latent_dim=4, num_codes=16, hidden=[8], critic_hidden=[4])
        >>> [term.name for term in model.objective]
        ['reconstruction', 'perceptual', 'quantization', 'patch_game']
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        num_codes: int = 256,
        commitment: float = 0.25,
        perceptual: Any = 100.0,
        network: Any = None,
        adversarial: Any = 0.8,
        critic_hidden: Sequence[int] = (64, 128),
        adaptive: bool = True,
        alternate: bool = False,
        estimator: Any = "straight_through",
        likelihood: Any = "laplace",
        encoder: Any = "conv",
        **trunk: Any,
    ) -> None:
        features = Perceptual(network, perceptual)
        # The network of a file, which may be gone when the model is loaded.
        self.__dict__["_constructor_arguments"]["network"] = features.arguments["network"]
        phases = with_critic("patch_game", "reconstruction", "perceptual", "quantization")
        super().__init__(
            input_shape,
            phases=phases if alternate else (),
            bottleneck=VectorQuantizer(
                num_codes, latent_dim, commitment=commitment, estimator=estimator
            ),
            objective=[
                Reconstruction(),
                features,
                Quantization(),
                PatchGame(adversarial, critic_hidden, adaptive),
            ],
            likelihood=likelihood,
            encoder=encoder,
            **trunk,
        )
