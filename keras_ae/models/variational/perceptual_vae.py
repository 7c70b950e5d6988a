"""The VAE whose reconstructions are compared by the features of a fixed network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Perceptual, Reconstruction
from keras_ae.registry import variant


@variant(paper="Hou et al. (2017), https://arxiv.org/abs/1610.00291")
class PerceptualVAE(LatentModel):
    """Reconstructs what a fixed network sees of pictures, instead of their pixels.

    Minimises E_q weight * sum_l |phi_l(x) - phi_l(E[x | z])|^2 / (2 size_l)
    + beta * KL(q(z | x) || N(0, I)), and as an option reconstruction * -log p(x | z), without
    which only the likelihood's mean is trained: a variance that it would learn stays as it begins.

    The features' error has no unit; the default weight is made for the random network. Trained on
    10,000 pictures of MNIST, the mean picture costs 99 nats, a reconstruction 35 and its code 16.
    Another network's features may be larger, and then want less.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        network: A Keras model from examples to feature maps, the path of a `.keras` file of one, or
            None for three convolutions of fixed random weights.
        layers: Names of the network's layers whose outputs are the features; its outputs when None.
        weight: Nats of a unit of the features' error, or a Keras schedule over training steps.
        beta: Weight of the divergence, not negative, or a Keras schedule over training steps.
        reconstruction: Weight of -log p(x | z); the paper has none.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Hou et al. (2017), https://arxiv.org/abs/1610.00291, equations 4 and 5; see `Perceptual`.

    Example:
        >>> model = PerceptualVAE((8, 8, 1), latent_dim=2, hidden=[8])
        >>> [term.name for term in model.objective]
        ['perceptual', 'kl']
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        network: Any = None,
        layers: Sequence[str] | None = None,
        weight: Any = 1000.0,
        beta: Any = 1.0,
        reconstruction: Any = 0.0,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        perceptual = Perceptual(network, weight, layers)
        # The network of a file, which may be gone when the model is loaded.
        self.__dict__["_constructor_arguments"]["network"] = perceptual.arguments["network"]
        pixels = [Reconstruction(reconstruction)] if reconstruction else []
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[*pixels, perceptual, KLDivergence(beta)],
            **trunk,
        )
