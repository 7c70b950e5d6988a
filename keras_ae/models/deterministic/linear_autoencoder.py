"""The linear autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.networks.tied import TiedLinear
from keras_ae.objectives import Reconstruction
from keras_ae.registry import variant


@variant(paper="Baldi and Hornik (1989), https://doi.org/10.1016/0893-6080(89)90014-2")
class LinearAutoencoder(LatentModel):
    """Finds the subspace that PCA finds, by gradient steps: x' = W' (W x + b) + b'.

    Minimises half of |x - g(f(x))|^2 plus a constant, f and g affine. At the optimum the code
    spans the first principal components, whose error it shares; tied weights (W' = W^T) make its
    directions orthonormal there.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        tied: Whether the decoder uses the encoder's weights, transposed.
        likelihood: p(x | z); the default's scale of 1 makes it PCA's squared error.
        normalize: As in `LatentModel`.
        missing: As in `LatentModel`.

    Example:
        >>> model = LinearAutoencoder((6,), latent_dim=2, tied=True)
        >>> [tuple(weight.shape) for weight in model.trainable_weights]
        [(6, 2), (2,), (6,)]
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        tied: bool = False,
        likelihood: Any = "gaussian",
        normalize: Any = None,
        missing: str | None = None,
    ) -> None:
        code = Deterministic(latent_dim)
        super().__init__(
            input_shape,
            hidden=[],
            bottleneck=code,
            decoder=TiedLinear(code, input_shape) if tied else "mlp",
            objective=[Reconstruction()],
            likelihood=likelihood,
            normalize=normalize,
            missing=missing,
        )
