"""The k-sparse autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import TopK
from keras_ae.latent_model import LatentModel
from keras_ae.networks.dictionary import DictionaryDecoder
from keras_ae.objectives import DeadAtoms, Reconstruction
from keras_ae.registry import variant


@variant(paper="Makhzani and Frey (2014), https://arxiv.org/abs/1312.5663")
class KSparseAutoencoder(LatentModel):
    """Keeps the k largest of a linear code's numbers: sparse features without a penalty to tune.

    Minimises -log p(x | z), z the k largest of (x - b) W + c in training, and `inference_k` of
    them afterwards.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Number of units.
        k: How many are kept in training.
        inference_k: How many afterwards; k when None. The paper takes up to three times as many.
        auxiliary: Weight of the error that dead units explain; 0 lets them be, as in the paper.
        dead_after: Examples without use after which a unit is dead.
        unit_norm: Whether the decoder's directions have length one.
        likelihood: p(x | z); the default's scale of 1 makes it half the squared error.
        normalize: As in `LatentModel`.
        missing: As in `LatentModel`.

    Reference:
        Makhzani and Frey (2014), https://arxiv.org/abs/1312.5663, section 2.1, algorithm 1.

    Example:
        >>> import numpy as np
        >>> model = KSparseAutoencoder((6,), latent_dim=12, k=3, inference_k=5)
        >>> (model.encode(np.eye(6, dtype="float32")) != 0).sum(1).tolist()
        [5, 5, 5, 5, 5, 5]
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 512,
        *,
        k: int = 32,
        inference_k: int | None = None,
        auxiliary: float = 0.0,
        dead_after: int = 10_000,
        unit_norm: bool = False,
        likelihood: Any = "gaussian",
        normalize: Any = None,
        missing: str | None = None,
    ) -> None:
        code = TopK(latent_dim, k, inference_k, rectify=False, unit_norm=unit_norm)
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
