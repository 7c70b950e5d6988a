"""Codes beside clusters of them."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from keras_ae.backend.whole_batch import over_batch
from keras_ae.bottlenecks.bottleneck import Bottleneck
from keras_ae.bottlenecks.quantizers.nearest import nearest
from keras_ae.parts import checked_size
from keras_ae.typing import Outputs, Tensor

STARTS = 20
"""Runs of k-means, of which the best is taken, as in the papers."""


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Clustered(Bottleneck):
    """A code z = W h + b beside its shares of clusters, whose centres mu learn as weights do.

    q_j = (1 + |z - mu_j|^2)^-1 / sum_k (1 + |z - mu_k|^2)^-1, a Student's t distribution.

    Args:
        latent_dim: Length of the code, at least 1.
        clusters: Number of clusters.

    Reference:
        Xie et al. (2016), https://arxiv.org/abs/1511.06335, equation 1 with alpha = 1.

    Example:
        >>> import numpy as np
        >>> Clustered(2, 3)(np.ones((4, 5), "float32"))["shares"].shape == (4, 3)
        True
    """

    reports: tuple[str, ...] = ("shares",)
    learns: ClassVar[bool] = True
    """Whether gradients move the centres."""

    def __init__(self, latent_dim: int, clusters: int) -> None:
        super().__init__()
        self.latent_shape = (checked_size("latent_dim", latent_dim),)
        self.clusters = checked_size("clusters", clusters)
        self.flatten = keras.layers.Flatten("channels_last")
        self.projection = keras.layers.Dense(*self.latent_shape, dtype="float32", name="code")

    def build(self, h_shape: Any) -> None:
        """Make the projection for features of this shape, and centres drawn from N(0, 1)."""
        self.flatten.build(h_shape)
        self.projection.build(self.flatten.compute_output_shape(h_shape))
        self.make_centres((self.clusters, *self.latent_shape))
        self.built = True

    def make_centres(self, shape: tuple[int, ...]) -> None:
        """Make the weights that hold the centres."""
        state: dict[str, Any] = {"dtype": "float32", "autocast": False, "trainable": self.learns}
        start = keras.initializers.RandomNormal(stddev=1.0)
        self.placed = self.add_weight(shape, start, name="centres", **state)

    @property
    def centres(self) -> Tensor:
        """The centres, `(clusters, latent_dim)`, float32."""
        return ops.convert_to_tensor(self.placed)

    def start_at(self, codes: Any, weights: Any = None, seed: int = 0) -> None:
        """Put the centres where the best of some runs of k-means finds clusters of codes.

        Args:
            codes: `(rows, latent_dim)`.
            weights: Of the rows, `(rows,)`; all alike when None.
            seed: Of the runs.

        Raises:
            ValueError: There are fewer codes than clusters.
        """
        if len(codes) < self.clusters:
            raise ValueError(
                f"`clusters` must be as many as there are rows, at most. Received: "
                f"clusters={self.clusters} for {len(codes)} rows. Ask for fewer clusters"
            )
        from sklearn.cluster import KMeans

        runs = KMeans(self.clusters, n_init=STARTS, random_state=seed)
        found = runs.fit(np.asarray(codes, "float64"), sample_weight=weights)
        counts = np.bincount(found.labels_, weights, self.clusters)
        self.put(found.cluster_centers_, np.maximum(counts, 1))

    def put(self, found: Any, counts: Any) -> None:
        """Set the centres, `(clusters, latent_dim)`, of so many codes each, `(clusters,)`."""
        self.placed.assign(found)

    def squared_distances(self, z: Tensor) -> Tensor:
        """Return |z - mu_j|^2, `(batch, clusters)`."""
        return ops.sum(ops.square(z[:, None] - self.centres), axis=-1)

    def call(self, h: Tensor, training: bool = False, sample: bool = False) -> Outputs:
        """Return `latent`, `(batch, latent_dim)`, and `shares`, `(batch, clusters)`."""
        z = self.projection(self.flatten(h))
        kernel = 1.0 / (1.0 + self.squared_distances(z))
        return {"latent": z, "shares": kernel / ops.sum(kernel, axis=-1, keepdims=True)}


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class CountedClusters(Clustered):
    """A code z = W h + b that belongs to the nearest centre, which is the mean of its codes so far.

    In training `count` has mu_k <- (c_k mu_k + the sum of codes) / (c_k + their number), where c_k
    counts the codes before; k-means at the start counts the first.

    Reference:
        Yang et al. (2017), https://arxiv.org/abs/1610.04794, equations 7 and 8; the codes of a
        batch are added at once, which gives the same mean as one after the other.

    Example:
        >>> import numpy as np
        >>> shares = CountedClusters(2, 3)(np.ones((4, 5), "float32"))["shares"]
        >>> bool(np.all(np.asarray(shares).max(axis=1) == 1.0))
        True
    """

    reports = ("shares", "centre")
    learns = False

    def make_centres(self, shape: tuple[int, ...]) -> None:
        """Make the weights that hold the centres, and the counts, of one each."""
        super().make_centres(shape)
        state: dict[str, Any] = {"dtype": "float32", "autocast": False, "trainable": False}
        self.counts = self.add_weight(shape[:1], "ones", name="counts", **state)

    def put(self, found: Any, counts: Any) -> None:
        """Set the centres, `(clusters, latent_dim)`, of so many codes each, `(clusters,)`."""
        super().put(found, counts)
        self.counts.assign(counts)

    def call(self, h: Tensor, training: bool = False, sample: bool = False) -> Outputs:
        """Return `latent` and its `centre`, `(batch, latent_dim)`, and one-hot `shares`."""
        z = self.projection(self.flatten(h))
        numbers = ops.arange(self.clusters, dtype="int32")
        belongs = ops.equal(nearest(ops.stop_gradient(z), self.centres)[:, None], numbers)
        shares = ops.cast(belongs, "float32")
        return {"latent": z, "shares": shares, "centre": ops.matmul(shares, self.centres)}

    def count(self, z: Tensor, shares: Tensor, weight: Tensor | None = None) -> None:
        """Move the centres to the means of all codes so far, these too.

        Args:
            z: Codes `(batch, latent_dim)`.
            shares: One-hot, `(batch, clusters)`.
            weight: What each counts, `(batch,)`; 1 when None.
        """
        if weight is not None:
            shares = shares * weight[:, None]
        total = ops.matmul(ops.transpose(shares), ops.stop_gradient(z))
        over_batch(self._count, [ops.sum(shares, axis=0), total])

    def _count(self, number: Tensor, total: Tensor) -> None:
        counts = self.counts + number
        self.placed.assign((self.counts[:, None] * self.placed + total) / counts[:, None])
        self.counts.assign(counts)
