"""The Matryoshka sparse autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import BatchTopK
from keras_ae.latent_model import LatentModel
from keras_ae.networks.dictionary import DictionaryDecoder
from keras_ae.objectives import DeadAtoms, NestedReconstruction, Reconstruction
from keras_ae.registry import variant


@variant(paper="Bussmann et al. (2025), https://arxiv.org/abs/2503.17547")
class MatryoshkaSAE(LatentModel):
    """Nests dictionaries: the first atoms explain the data alone, later ones add the details.

    Minimises sum_i -log p(x | z_1..m_i) + auxiliary * |e - e^|^2 / 2, the codes those of
    `batch_top_k_sae`.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Number of atoms; many times the data's numbers.
        sizes: m_1 < m_2 < ... of the nested dictionaries below the whole; a sixteenth, an eighth, a
            quarter and a half of it when None.
        k: How many atoms an example has, on average.
        auxiliary: Weight of the error that dead atoms explain; 0 lets them be.
        dead_after: Examples without use after which an atom is dead.
        unit_norm: Whether atoms have length one.
        likelihood: p(x | z); the default's scale of 1 makes it half the squared error.
        normalize: As in `LatentModel`.
        missing: As in `LatentModel`.

    Reference:
        Bussmann et al. (2025), https://arxiv.org/abs/2503.17547, section 3.

    Example:
        >>> MatryoshkaSAE((6,), latent_dim=32, k=3).objective[1].sizes
        (2, 4, 8, 16)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 512,
        *,
        sizes: Sequence[int] | None = None,
        k: int = 16,
        auxiliary: float = 1 / 32,
        dead_after: int = 10_000,
        unit_norm: bool = True,
        likelihood: Any = "gaussian",
        normalize: Any = None,
        missing: str | None = None,
    ) -> None:
        if sizes is None:
            sizes = sorted({max(1, latent_dim >> halvings) for halvings in (4, 3, 2, 1)})
        code = BatchTopK(latent_dim, k, unit_norm=unit_norm)
        super().__init__(
            input_shape,
            hidden=[],
            bottleneck=code,
            decoder=DictionaryDecoder(code, input_shape),
            objective=[
                Reconstruction(),
                NestedReconstruction(sizes),
                DeadAtoms(auxiliary, after=dead_after),
            ],
            likelihood=likelihood,
            normalize=normalize,
            missing=missing,
        )
