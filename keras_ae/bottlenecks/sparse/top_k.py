"""A code of which a fixed number of entries is not zero."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.backend.largest import largest
from keras_ae.bottlenecks.sparse.dictionary_code import DictionaryCode
from keras_ae.parts import checked_claim, checked_size
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class TopK(DictionaryCode):
    """The k largest pre-activations of each example; all others are 0.

    Args:
        latent_dim: Number of atoms.
        k: How many are kept.
        inference_k: How many outside of training; k when None.
        rectify: Whether what is kept but negative is 0 too.
        unit_norm: See `DictionaryCode`.
        centred: See `DictionaryCode`.

    Reference:
        Makhzani and Frey (2014), https://arxiv.org/abs/1312.5663, section 2.1, which keeps negative
        ones, and more outside of training; Gao et al. (2024), https://arxiv.org/abs/2406.04093,
        equation 4.

    Example:
        >>> import numpy as np
        >>> z = TopK(8, k=2)(np.eye(5, dtype="float32"))["latent"]
        >>> bool(((keras.ops.convert_to_numpy(z) != 0).sum(1) <= 2).all())
        True
    """

    def __init__(
        self,
        latent_dim: int,
        k: int,
        inference_k: int | None = None,
        rectify: bool = True,
        unit_norm: bool = True,
        centred: bool = True,
    ) -> None:
        super().__init__(latent_dim, unit_norm, centred)
        self.k = checked_count("k", k, latent_dim)
        self.inference_k = self.k
        if inference_k is not None:
            self.inference_k = checked_count("inference_k", inference_k, latent_dim)
        self.rectify = checked_claim("rectify", rectify)

    def activate(self, pre: Tensor, training: bool) -> Outputs:
        """Return `latent`."""
        kept = largest(pre, self.k if training else self.inference_k)
        return {"latent": ops.where(kept, ops.relu(pre) if self.rectify else pre, 0.0)}


def checked_count(name: str, count: int, latent_dim: int) -> int:
    """Return how many entries of a code are kept.

    Raises:
        ValueError: It is no whole number from 1 to the code's length.
    """
    if checked_size(name, count) > latent_dim:
        raise ValueError(
            f"`{name}` must be at most the code's length. Received: {name}={count}, "
            f"latent_dim={latent_dim}"
        )
    return int(count)
