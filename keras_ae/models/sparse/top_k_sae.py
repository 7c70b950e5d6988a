"""The top-k sparse autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import TopK
from keras_ae.latent_model import LatentModel
from keras_ae.networks.dictionary import DictionaryDecoder
from keras_ae.objectives import DeadAtoms, Reconstruction
from keras_ae.registry import variant


@variant(paper="Gao et al. (2024), https://arxiv.org/abs/2406.04093")
class TopKSAE(LatentModel):
    """Explains each example by k atoms of a large dictionary: what the data are made of.

    Minimises -log p(x | z) + auxiliary * |e - e^|^2 / 2, z the k largest numbers of (x - b) W + c,
    e = x - x^ what they leave, and e^ what the largest of the dead atoms make of it.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Number of atoms; many times the data's numbers.
        k: How many an example has.
        auxiliary: Weight of the error that dead atoms explain; 0 lets them be.
        dead_after: Examples without use after which an atom is dead.
        unit_norm: Whether atoms have length one.
        likelihood: p(x | z); the default's scale of 1 makes it half the squared error.
        normalize: As in `LatentModel`.
        missing: As in `LatentModel`.

    Reference:
        Gao et al. (2024), https://arxiv.org/abs/2406.04093, section 2.3 and appendix A. The paper
        takes the part of gradients along the atoms off; here atoms are divided by their lengths.

    Example:
        >>> import numpy as np
        >>> model = TopKSAE((6,), latent_dim=12, k=3)
        >>> (model.encode(np.eye(6, dtype="float32")) > 0).sum(1).max() <= 3
        np.True_
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
        code = TopK(latent_dim, k, unit_norm=unit_norm)
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
