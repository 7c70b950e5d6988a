"""A code of which each entry has a threshold that is learned."""

from __future__ import annotations

import math

import keras
from keras import ops

from keras_ae.bottlenecks.sparse.dictionary_code import DictionaryCode
from keras_ae.parts import checked_positive
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class JumpReLU(DictionaryCode):
    """z = p H(p - theta): pre-activations that exceed their own thresholds, as they are.

    `active` is H(p - theta), whose sum is the number of entries that are not zero. Both jump, and
    have no gradient with respect to theta; in its place stands that of their expectation under
    noise of a rectangular density, of width `bandwidth`.

    Args:
        latent_dim: Number of atoms.
        threshold: Where the thresholds start.
        bandwidth: epsilon, in the units of pre-activations.
        unit_norm: See `DictionaryCode`.
        centred: See `DictionaryCode`.

    Reference:
        Rajamanoharan et al. (2024), https://arxiv.org/abs/2407.14435, equations 5, 9, 11 and 12.

    Example:
        >>> import numpy as np
        >>> z = JumpReLU(8, threshold=0.3)(np.eye(5, dtype="float32"))["latent"]
        >>> z = keras.ops.convert_to_numpy(z)
        >>> bool(((z == 0) | (z > 0.3)).all())
        True
    """

    reports = ("pre_activations", "active")

    def __init__(
        self,
        latent_dim: int,
        threshold: float = 0.1,
        bandwidth: float = 0.1,
        unit_norm: bool = True,
        centred: bool = True,
    ) -> None:
        super().__init__(latent_dim, unit_norm, centred)
        self.start = checked_positive("threshold", threshold)
        self.bandwidth = checked_positive("bandwidth", bandwidth)

    def make_weights(self) -> None:
        """Make the logarithms of the thresholds."""
        start = keras.initializers.Constant(math.log(self.start))
        self.log_threshold = self.state("log_threshold", (self.size,), start, trainable=True)

    @property
    def threshold(self) -> Tensor:
        """Theta of each entry, `(m,)`."""
        return ops.exp(ops.convert_to_tensor(self.log_threshold))

    def activate(self, pre: Tensor, training: bool) -> Outputs:
        """Return `latent` and `active`, `(batch, m)` each."""
        theta = self.threshold
        above = ops.stop_gradient(ops.cast(pre > theta, "float32"))
        near = ops.cast(ops.abs(pre - theta) < 0.5 * self.bandwidth, "float32") / self.bandwidth
        # 0, with the gradient that stands for the jump's.
        moved = ops.stop_gradient(near) * (theta - ops.stop_gradient(theta))
        latent = pre * above - ops.stop_gradient(theta) * moved
        return {"latent": latent, "active": above - moved}
