"""The denoising autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Reconstruction
from keras_ae.registry import variant


@variant(paper="Vincent et al. (2008), https://doi.org/10.1145/1390156.1390294")
class DenoisingAutoencoder(LatentModel):
    """Restores clean data from corrupted ones: denoising, and robust features.

    Minimises E -log p(x | z), z = f(x~), x~ drawn from the corruption of x. Inputs are corrupted
    in training and in `evaluate`; `encode`, `reconstruct` and `score` take them as they come, so
    `reconstruct(noisy)` denoises.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        corruption: Name, `{"name": ..., **options}` or instance: what inputs suffer in training.
        activation: Activation of the code, a Keras name; linear by default.
        **trunk: See `LatentModel`.

    Example:
        >>> import numpy as np
        >>> model = DenoisingAutoencoder((6,), latent_dim=2, corruption="feature_mask")
        >>> model.corrupt(np.ones((3, 6), "float32"), seed=0).shape
        (3, 6)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        corruption: Any = "gaussian_noise",
        activation: str | None = None,
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Deterministic(latent_dim, activation),
            objective=[Reconstruction()],
            corruption=corruption,
            **trunk,
        )
