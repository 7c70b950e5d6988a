"""The deep clustering network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import CountedClusters
from keras_ae.clusters import ClusterModel
from keras_ae.objectives import ClusterDistance, Reconstruction
from keras_ae.parts import checked_non_negative
from keras_ae.registry import variant


@variant(paper="Yang et al. (2017), https://arxiv.org/abs/1610.04794")
class DCN(ClusterModel):
    """Clusters data: codes are drawn to the centre of their cluster, the mean of its codes.

    After an autoencoder of the same networks, k-means of its codes puts the centres; then
    |x - g(f(x))|^2 + strength / 2 |f(x) - mu|^2 is minimised for the nearest centre mu, which moves
    to the mean of all codes so far. In nats, of a normal p(x | z) of variance 1, that is
    reconstruction + strength / 2 times half the squared distance. `responsibilities` is 1 for the
    cluster of a row.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        clusters: Number of clusters.
        strength: lambda, of the distance from the centre beside the squared error.
        pretrain_epochs: Passes of the autoencoder over the data, before the first step.
        pretrain_batch_size: Rows of its steps, by Adam at a rate of 0.001.
        tolerance: Training stops when after an epoch fewer than this share of the rows have gone
            to another cluster; 0 for never.
        **trunk: See `LatentModel`.

    Reference:
        Yang et al. (2017), https://arxiv.org/abs/1610.04794, equations 5 to 8, all codes of a batch
        at once. The paper pretrains layer after layer; here all layers are trained at once.

    Example:
        >>> import numpy as np
        >>> model = DCN((6,), latent_dim=2, clusters=3)
        >>> model.responsibilities(np.zeros((4, 6))).shape
        (4, 3)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 10,
        *,
        clusters: int = 10,
        strength: float = 0.1,
        pretrain_epochs: int = 10,
        pretrain_batch_size: int = 256,
        tolerance: float = 0.001,
        **trunk: Any,
    ) -> None:
        weight = checked_non_negative("strength", strength) / 2.0
        super().__init__(
            input_shape,
            bottleneck=CountedClusters(latent_dim, clusters),
            objective=[Reconstruction(), ClusterDistance(weight)],
            **trunk,
        )
        self.set_start(pretrain_epochs, pretrain_batch_size, tolerance)
