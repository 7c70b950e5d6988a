"""The sparse autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLSparsity, L1Sparsity, Reconstruction
from keras_ae.registry import variant


@variant(paper="Ng (2011), https://web.stanford.edu/class/cs294a/sparseAutoencoder_2011new.pdf")
class SparseAutoencoder(LatentModel):
    """Explains each example by few of many units: an over-complete code that is mostly zero.

    Minimises -log p(x | z) + sparsity * penalty(z): "l1" is sum_j |z_j| of a ReLU code, "kl" is
    sum_j KL(target || mean activation of unit j) of a sigmoid code.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code; may exceed the data's.
        penalty: "l1" or "kl".
        sparsity: The penalty's weight; 1e-2 for "l1" and 1 for "kl" when None.
        target: Mean activation wanted of a unit, for "kl".
        **trunk: See `LatentModel`.

    Example:
        >>> import numpy as np
        >>> model = SparseAutoencoder((6,), latent_dim=12, penalty="kl")
        >>> bool((model.encode(np.ones((2, 6), "float32")) > 0).all())
        True
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 64,
        *,
        penalty: Literal["l1", "kl"] = "l1",
        sparsity: float | None = None,
        target: float = 0.05,
        **trunk: Any,
    ) -> None:
        if penalty not in ("l1", "kl"):
            raise ValueError(f"`penalty` must be 'l1' or 'kl'. Received: penalty={penalty!r}")
        weight = sparsity if sparsity is not None else {"l1": 1e-2, "kl": 1.0}[penalty]
        term = L1Sparsity(weight) if penalty == "l1" else KLSparsity(weight, target)
        super().__init__(
            input_shape,
            bottleneck=Deterministic(latent_dim, "relu" if penalty == "l1" else "sigmoid"),
            objective=[Reconstruction(), term],
            **trunk,
        )
