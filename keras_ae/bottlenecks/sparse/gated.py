"""A code of which one path says which entries are not zero, and another how large they are."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.bottlenecks.sparse.dictionary_code import DictionaryCode
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Gated(DictionaryCode):
    """z = H(p) relu(exp(r) (p - c) + c'): p the pre-activations, with r and c' of each entry.

    H has no gradient; the gates learn from `GateSparsity` and `GateReconstruction`.

    Args:
        latent_dim: Number of atoms.
        unit_norm: See `DictionaryCode`.
        centred: See `DictionaryCode`.

    Reference:
        Rajamanoharan et al. (2024), https://arxiv.org/abs/2404.16014, equations 4 to 7.

    Example:
        >>> import numpy as np
        >>> z = Gated(8)(np.eye(5, dtype="float32"))["latent"]
        >>> bool((keras.ops.convert_to_numpy(z) >= 0).all())
        True
    """

    def make_weights(self) -> None:
        """Make the logarithms of the scales, and the biases, of magnitudes."""
        self.log_scale = self.state("log_scale", (self.size,), trainable=True)
        self.magnitude_bias = self.state("magnitude_bias", (self.size,), trainable=True)

    def activate(self, pre: Tensor, training: bool) -> Outputs:
        """Return `latent`."""
        log_scale, bias, shift = map(
            ops.convert_to_tensor, (self.log_scale, self.magnitude_bias, self.bias)
        )
        magnitude = ops.relu(ops.exp(log_scale) * (pre - shift) + bias)
        return {"latent": ops.where(pre > 0, magnitude, 0.0)}
