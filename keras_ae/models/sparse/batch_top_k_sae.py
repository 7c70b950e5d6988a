"""The batch-top-k sparse autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import BatchTopK
from keras_ae.latent_model import LatentModel
from keras_ae.networks.dictionary import DictionaryDecoder
from keras_ae.objectives import DeadAtoms, Reconstruction
from keras_ae.registry import variant


@variant(paper="Bussmann et al. (2024), https://arxiv.org/abs/2412.06410")
class BatchTopKSAE(LatentModel):
    """Explains examples by k atoms on average, the simple ones by fewer than the others.

    As `top_k_sae`, but the k * batch largest numbers of a whole batch are kept. After training what
    exceeds a fixed threshold is: the code of an example does not depend on others.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Number of atoms; many times the data's numbers.
        k: How many an example has, on average.
        auxiliary: Weight of the error that dead atoms explain; 0 lets them be.
        dead_after: Examples without use after which an atom is dead.
        unit_norm: Whether atoms have length one.
        likelihood: p(x | z); the default's scale of 1 makes it half the squared error.
        normalize: As in `LatentModel`.
        missing: As in `LatentModel`.

    Reference:
        Bussmann et al. (2024), https://arxiv.org/abs/2412.06410, section 3.

    Example:
        >>> import numpy as np
        >>> model = BatchTopKSAE((6,), latent_dim=12, k=3)
        >>> model.encode(np.eye(6, dtype="float32")).shape
        (6, 12)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 512,
        *,
        k: int = 16,
        auxiliary: float = 1 / 32,
        dead_after: int = 10_000,
        unit_norm: bool = True,
        likelihood: Any = "gaussian",
        normalize: Any = None,
        missing: str | None = None,
    ) -> None:
        code = BatchTopK(latent_dim, k, unit_norm=unit_norm)
        super().__init__(
            input_shape,
            hidden=[],
            bottleneck=code,
            decoder=DictionaryDecoder(code, input_shape),
            objective=[Reconstruction(), DeadAtoms(auxiliary, after=dead_after)],
            likelihood=likelihood,
            normalize=normalize,
            missing=missing,
        )
