"""A codebook that follows its data by moving averages."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.backend.distributed import of_first_replica
from keras_ae.backend.whole_batch import over_batch
from keras_ae.distributions.noise import Noise
from keras_ae.parts import Part
from keras_ae.typing import Tensor

START_VECTORS = 256
"""Vectors for each code that the k-means start looks at, at most."""


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Codebook(Part):
    """`num_codes` vectors, each the moving average of what was assigned to it.

    The state is (sums, counts) alone and a code is sums / counts: both decay together, so a code
    that is not used stays where it is instead of shrinking or exploding.

    Args:
        num_codes: Number of codes K, at least 2.
        code_dim: Length of a code.
        decay: gamma of the moving averages, in [0, 1).
        dead_code_threshold: A code used less than this share of the mean use is put onto a random
            vector of the batch; 0 never does.

    Reference:
        van den Oord et al. (2017), https://arxiv.org/abs/1711.00937, appendix A.1, equations 6-8.
    """

    def __init__(
        self, num_codes: int, code_dim: int, *, decay: float, dead_code_threshold: float
    ) -> None:
        super().__init__()
        self.num_codes, self.code_dim = num_codes, code_dim
        self.decay, self.dead_code_threshold = decay, dead_code_threshold
        self.noise = Noise()

    def build(self, input_shape: Any = None) -> None:
        """Make the state: codes drawn from N(0, 1 / code_dim), each with a count of one."""
        spread = keras.initializers.RandomNormal(stddev=self.code_dim**-0.5)
        state: dict[str, Any] = {"trainable": False, "dtype": "float32", "autocast": False}
        self.sums = self.add_weight(
            shape=(self.num_codes, self.code_dim), initializer=spread, name="sums", **state
        )
        self.counts = self.add_weight(
            shape=(self.num_codes,), initializer="ones", name="counts", **state
        )
        self.built = True

    @property
    def vectors(self) -> Tensor:
        """The codes, `(num_codes, code_dim)`, float32."""
        return ops.stop_gradient(self.sums / self.counts[:, None])

    def nearest(self, points: Tensor) -> Tensor:
        """Return the index of the nearest code of each row `(n, code_dim)`, int32 `(n,)`.

        Of equally near codes the lowest index is taken, on every backend; argmin's own rule
        differs between them, and some export formats lack it.
        """
        codes = self.vectors
        # |p - c|^2 without |p|^2, after moving the origin to the codes' centre: the expanded form
        # loses all digits when the data lie far from the origin.
        centre = ops.mean(codes, axis=0)
        codes, points = codes - centre, points - centre
        distances = ops.sum(ops.square(codes), axis=-1) - 2.0 * ops.matmul(
            points, ops.transpose(codes)
        )
        smallest = ops.min(distances, axis=-1, keepdims=True)
        indices = ops.arange(self.num_codes, dtype="int32")
        return ops.min(ops.where(distances <= smallest, indices, self.num_codes), axis=-1)

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the codes of these indices, `(..., code_dim)`."""
        return ops.take(self.vectors, indices, axis=0)

    def follow(self, points: Tensor, indices: Tensor) -> None:
        """Move the averages towards the points assigned to each code (equations 6-8)."""
        points = ops.stop_gradient(points)
        # Not `one_hot`, which reads the indices on torch, so that a step could not be traced.
        codes = ops.arange(self.num_codes, dtype=indices.dtype)
        assigned = ops.cast(ops.equal(codes[:, None], indices), "float32")
        total = ops.matmul(assigned, points)
        over_batch(self._move, [ops.sum(assigned, axis=1), total], [points])

    def _move(self, used: Tensor, total: Tensor, points: Tensor) -> None:
        counts = self.decay * self.counts + (1.0 - self.decay) * used
        sums = self.decay * self.sums + (1.0 - self.decay) * total
        if self.dead_code_threshold > 0:
            counts, sums = self._revive(counts, sums, points)
        self.counts.assign(counts)
        self.sums.assign(sums)

    def start_at(self, points: np.ndarray, seed: int = 0) -> None:
        """Put the codes onto the k-means centres of `points`, `(n, code_dim)`, k-means++ start."""
        from scipy.cluster.vq import kmeans2

        points = np.asarray(points, "float64")
        rng = np.random.default_rng(seed)
        if len(points) > START_VECTORS * self.num_codes:
            points = points[rng.choice(len(points), START_VECTORS * self.num_codes, replace=False)]
        if len(points) < self.num_codes:
            raise ValueError(
                f"a k-means start needs at least one vector for each of the {self.num_codes} "
                f"codes. Received: {len(points)} vectors. Use fewer codes or more data."
            )
        centres, labels = kmeans2(points, self.num_codes, iter=20, minit="++", rng=rng)
        counts = np.bincount(labels, minlength=self.num_codes).astype("float64")
        empty = counts == 0
        centres[empty] = points[rng.choice(len(points), empty.sum(), replace=False)]
        counts[empty] = 1.0
        # Counts of mean one, as at the start: the averages then follow the first batches quickly.
        counts /= counts.mean()
        self.counts.assign(counts.astype("float32"))
        self.sums.assign((centres * counts[:, None]).astype("float32"))

    def _revive(self, counts: Tensor, sums: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        mean = ops.mean(counts)
        dead = counts < self.dead_code_threshold * mean
        picks = self.noise.integers((self.num_codes,), ops.shape(points)[0], training=True)
        fresh = mean * of_first_replica(ops.take(points, picks, axis=0))
        # Sums and counts together, or the code would move away again at the next step.
        return ops.where(dead, mean, counts), ops.where(dead[:, None], fresh, sums)
