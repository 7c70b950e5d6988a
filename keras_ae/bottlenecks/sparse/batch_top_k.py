"""A code of which a number of entries is not zero on average, more where more is needed."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.backend.largest import largest
from keras_ae.backend.whole_batch import over_batch
from keras_ae.bottlenecks.sparse.dictionary_code import DictionaryCode
from keras_ae.bottlenecks.sparse.top_k import checked_count
from keras_ae.parts import checked_share
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class BatchTopK(DictionaryCode):
    """In training the k * batch largest positive pre-activations of a batch; all others are 0.

    Outside of training what exceeds a threshold is kept, the mean over batches of the least number
    that was kept: the code of an example does not depend on others.

    Args:
        latent_dim: Number of atoms.
        k: How many are kept of an example, on average.
        decay: Of the moving average of the threshold, in [0, 1).
        unit_norm: See `DictionaryCode`.
        centred: See `DictionaryCode`.

    Reference:
        Bussmann et al. (2024), https://arxiv.org/abs/2412.06410, equations 5 to 7. The threshold is
        a moving average here, without the bias of its start, where theirs is the mean over the
        training data after training.

    Example:
        >>> import numpy as np
        >>> z = BatchTopK(8, k=2)(np.eye(5, dtype="float32"), training=True)["latent"]
        >>> int((keras.ops.convert_to_numpy(z) != 0).sum()) <= 10
        True
    """

    of_batch = True

    def __init__(
        self,
        latent_dim: int,
        k: int,
        decay: float = 0.99,
        unit_norm: bool = True,
        centred: bool = True,
    ) -> None:
        super().__init__(latent_dim, unit_norm, centred)
        self.k = checked_count("k", k, latent_dim)
        self.decay = checked_share("decay", decay, whole=False)

    def make_weights(self) -> None:
        """Make the sums of the moving average."""
        self.total = self.state("threshold_sum", ())
        self.weight = self.state("threshold_weight", ())

    @property
    def threshold(self) -> Tensor:
        """What pre-activations must exceed outside of training; 0 before the first step."""
        total, weight = map(ops.convert_to_tensor, (self.total, self.weight))
        return total / ops.maximum(weight, 1e-12)

    def activate(self, pre: Tensor, training: bool) -> Outputs:
        """Return `latent`."""
        positive = ops.relu(pre)
        if not training:
            return {"latent": ops.where(pre > self.threshold, positive, 0.0)}
        rows = ops.shape(pre)[0]
        flat = ops.reshape(positive, (1, -1))
        kept = ops.reshape(largest(flat, rows * self.k), (-1, self.size))
        latent = ops.where(kept, positive, 0.0)
        # What is kept may be 0, where few are positive: the least is of those that are.
        above = ops.where(latent > 0, latent, ops.max(latent) + 1.0)
        least = ops.stop_gradient(ops.minimum(ops.min(above), ops.max(latent)))
        found = ops.cast(ops.any(latent > 0), "float32")
        over_batch(self._follow, [found * least, found])
        return {"latent": latent}

    def _follow(self, least: Tensor, parts: Tensor) -> None:
        mean = least / ops.maximum(parts, 1.0)
        for kept, new in ((self.total, mean), (self.weight, 1.0)):
            moved = self.decay * kept + (1.0 - self.decay) * new
            # A batch in which nothing is positive has no least.
            kept.assign(ops.where(parts > 0, moved, ops.convert_to_tensor(kept)))
