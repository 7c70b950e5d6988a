"""A code of a style, and of a cluster in shares."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.bottlenecks.bottleneck import Bottleneck
from keras_ae.parts import checked_size
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class SoftClusters(Bottleneck):
    """Numbers z = W h + b beside shares y = softmax(V h + c) of clusters, neither of them drawn.

    The code is z and then y, and lives where that of a `Joint` prior does: pulled to it, y becomes
    one-hot.

    Args:
        latent_dim: Length of z, at least 1.
        clusters: Number of clusters, at least 2.

    Reference:
        Makhzani et al. (2015), https://arxiv.org/abs/1511.05644, sections 5 and 6.

    Example:
        >>> SoftClusters(3, 10).latent_shape
        (13,)
    """

    reports = ("shares",)
    space = "numbers and categories"

    def __init__(self, latent_dim: int, clusters: int) -> None:
        super().__init__()
        size, clusters = checked_size("latent_dim", latent_dim), checked_size("clusters", clusters)
        if clusters < 2:
            raise ValueError(f"`clusters` must be at least 2. Received: clusters={clusters}")
        self.latent_shape, self.categories = (size + clusters,), (clusters,)
        self.clusters = clusters
        self.parts = {"style": slice(0, size), "clusters": slice(size, None)}
        self.flatten = keras.layers.Flatten("channels_last")
        self.style = keras.layers.Dense(size, dtype="float32", name="style")
        self.shares = keras.layers.Dense(
            clusters, activation="softmax", dtype="float32", name="shares"
        )

    def build(self, h_shape: Any) -> None:
        """Make both maps for features of this shape."""
        self.flatten.build(h_shape)
        for layer in (self.style, self.shares):
            layer.build(self.flatten.compute_output_shape(h_shape))
        self.built = True

    def call(self, h: Tensor, training: bool = False, sample: bool = False) -> Outputs:
        """Return `latent`, `(batch, latent_dim + clusters)`, and `shares`, `(batch, clusters)`."""
        flat = self.flatten(h)
        shares = self.shares(flat)
        return {"latent": ops.concatenate([self.style(flat), shares], axis=-1), "shares": shares}
