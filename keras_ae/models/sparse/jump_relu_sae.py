"""The JumpReLU sparse autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import JumpReLU
from keras_ae.latent_model import LatentModel
from keras_ae.networks.dictionary import DictionaryDecoder
from keras_ae.objectives import L0Sparsity, Reconstruction
from keras_ae.registry import variant


@variant(paper="Rajamanoharan et al. (2024), https://arxiv.org/abs/2407.14435")
class JumpReLUSAE(LatentModel):
    """Learns a threshold for each atom: what it costs is how many an example has, not how much.

    Minimises -log p(x | z) + sparsity * |z|_0, z_j = p_j where p_j > theta_j, else 0.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Number of atoms; many times the data's numbers.
        sparsity: Weight lambda: nats that an atom must be worth; or a schedule.
        threshold: Where the thresholds start.
        bandwidth: Width of the density by which thresholds learn.
        unit_norm: Whether atoms have length one.
        likelihood: p(x | z); the default's scale of 1 makes it half the squared error.
        normalize: As in `LatentModel`.
        missing: As in `LatentModel`.

    Reference:
        Rajamanoharan et al. (2024), https://arxiv.org/abs/2407.14435, section 3. Its thresholds and
        bandwidth are 0.001, for data whose squared length is 1 and batches of thousands.

    Example:
        >>> import numpy as np
        >>> model = JumpReLUSAE((6,), latent_dim=12)
        >>> model.encode(np.eye(6, dtype="float32")).shape
        (6, 12)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 512,
        *,
        sparsity: Any = 0.1,
        threshold: float = 0.1,
        bandwidth: float = 0.1,
        unit_norm: bool = True,
        likelihood: Any = "gaussian",
        normalize: Any = None,
        missing: str | None = None,
    ) -> None:
        code = JumpReLU(latent_dim, threshold, bandwidth, unit_norm)
        super().__init__(
            input_shape,
            hidden=[],
            bottleneck=code,
            decoder=DictionaryDecoder(code, input_shape),
            objective=[Reconstruction(), L0Sparsity(sparsity)],
            likelihood=likelihood,
            normalize=normalize,
            missing=missing,
        )
