"""The transcoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import TopK
from keras_ae.latent_model import LatentModel
from keras_ae.networks.dictionary import DictionaryDecoder
from keras_ae.objectives import DeadAtoms, Reconstruction
from keras_ae.registry import variant


@variant(paper="Dunefsky et al. (2024), https://arxiv.org/abs/2406.11944")
class Transcoder(LatentModel):
    """Explains what something makes of its inputs by k atoms each: `fit(inputs, outputs)`.

    Minimises -log p(y | z) + auxiliary * |e - e^|^2 / 2, z the k largest numbers of x W + c: as
    `top_k_sae`, with a target y of the inputs' shape that is not the input. Without a target it is
    one for inputs.

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
        Dunefsky et al. (2024), https://arxiv.org/abs/2406.11944, section 3, with the activation of
        Gao et al. (2024), https://arxiv.org/abs/2406.04093, for its ReLU and L1 penalty.

    Example:
        >>> import numpy as np
        >>> model = Transcoder((6,), latent_dim=12, k=3)
        >>> model.reconstruct(np.eye(6, dtype="float32")).shape
        (6, 6)
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
        code = TopK(latent_dim, k, unit_norm=unit_norm, centred=False)
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
