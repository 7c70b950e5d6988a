"""The gated sparse autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gated
from keras_ae.latent_model import LatentModel
from keras_ae.networks.dictionary import DictionaryDecoder
from keras_ae.objectives import GateReconstruction, GateSparsity, Reconstruction
from keras_ae.registry import variant


@variant(paper="Rajamanoharan et al. (2024), https://arxiv.org/abs/2404.16014")
class GatedSAE(LatentModel):
    """Tells which atoms an example has apart from how much: a penalty that shrinks nothing.

    Minimises -log p(x | z) + sparsity * sum_j relu(p_j) + |x - relu(p) D - b|^2 / 2, with D and b
    fixed in the last: z_j = relu(m_j) where p_j > 0, else 0.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Number of atoms; many times the data's numbers.
        sparsity: Weight lambda of the penalty, or a schedule.
        unit_norm: Whether atoms have length one.
        likelihood: p(x | z); the default's scale of 1 makes it half the squared error.
        normalize: As in `LatentModel`.
        missing: As in `LatentModel`.

    Reference:
        Rajamanoharan et al. (2024), https://arxiv.org/abs/2404.16014, section 3.2, equation 8.

    Example:
        >>> import numpy as np
        >>> model = GatedSAE((6,), latent_dim=12)
        >>> model.encode(np.eye(6, dtype="float32")).shape
        (6, 12)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 512,
        *,
        sparsity: Any = 0.3,
        unit_norm: bool = True,
        likelihood: Any = "gaussian",
        normalize: Any = None,
        missing: str | None = None,
    ) -> None:
        code = Gated(latent_dim, unit_norm)
        super().__init__(
            input_shape,
            hidden=[],
            bottleneck=code,
            decoder=DictionaryDecoder(code, input_shape),
            objective=[Reconstruction(), GateSparsity(sparsity), GateReconstruction()],
            likelihood=likelihood,
            normalize=normalize,
            missing=missing,
        )
