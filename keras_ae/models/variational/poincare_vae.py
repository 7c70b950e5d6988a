"""The VAE whose codes lie in hyperbolic space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Hyperbolic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.priors import WrappedNormal
from keras_ae.registry import variant


@variant(paper="Mathieu et al. (2019), https://arxiv.org/abs/1901.06033")
class PoincareVAE(LatentModel):
    """Codes hierarchies in few numbers: hyperbolic space has room for a tree's leaves.

    Minimises E_q -log p(x | z) + log q(z | x) - log p(z) in the Poincare ball, both wrapped
    normals, by the volume of the space.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        curvature: c, positive: the space has the curvature -c.
        encoder: As in `LatentModel`.
        decoder: As in `LatentModel`. The dense decoder of a dense encoder begins with distances
            from planes of the space, other decoders take codes as vectors.
        **trunk: See `LatentModel`.

    Reference:
        Mathieu et al. (2019), https://arxiv.org/abs/1901.06033, section 3; its decoder begins with
        gyroplanes too. Its second family, the Riemannian normal, is left out.

    Example:
        >>> import numpy as np
        >>> model = PoincareVAE((6,), latent_dim=2)
        >>> bool(np.linalg.norm(model.sample(3, seed=0)) > 0)
        True
    """

    chooses = ("prior",)

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        curvature: float = 1.0,
        encoder: Any = "mlp",
        decoder: Any = None,
        **trunk: Any,
    ) -> None:
        if decoder is None and encoder == "mlp":
            decoder = {"name": "mlp", "curvature": curvature, "ball_dim": latent_dim}
        super().__init__(
            input_shape,
            encoder=encoder,
            decoder=decoder,
            bottleneck=Hyperbolic(latent_dim, curvature),
            prior=WrappedNormal(curvature),
            objective=[Reconstruction(), KLDivergence()],
            **trunk,
        )
