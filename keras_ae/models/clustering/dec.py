"""Deep embedded clustering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Clustered
from keras_ae.clusters import ClusterModel
from keras_ae.objectives import ClusterDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Xie et al. (2016), https://arxiv.org/abs/1511.06335")
class DEC(ClusterModel):
    """Clusters data: codes are drawn to the centres that they are near to already.

    After an autoencoder of the same networks, k-means of its codes puts the centres; then encoder
    and centres minimise KL(P || Q) from the shares Q of clusters to a sharper target P. The
    decoder stays as it was; its reconstruction is logged. `responsibilities` gives the shares.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        clusters: Number of clusters.
        pretrain_epochs: Passes of the autoencoder over the data, before the first step.
        pretrain_batch_size: Rows of its steps, by Adam at a rate of 0.001.
        tolerance: Training stops when after an epoch fewer than this share of the rows have gone
            to another cluster; 0 for never.
        **trunk: See `LatentModel`.

    Reference:
        Xie et al. (2016), https://arxiv.org/abs/1511.06335, section 3. The target is renewed after
        each epoch, where the paper has a number of steps.

    Example:
        >>> import numpy as np
        >>> model = DEC((6,), latent_dim=2, clusters=3)
        >>> model.responsibilities(np.zeros((4, 6))).shape
        (4, 3)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 10,
        *,
        clusters: int = 10,
        pretrain_epochs: int = 10,
        pretrain_batch_size: int = 256,
        tolerance: float = 0.001,
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Clustered(latent_dim, clusters),
            objective=[Reconstruction(weight=0.0), ClusterDivergence()],
            **trunk,
        )
        self.set_start(pretrain_epochs, pretrain_batch_size, tolerance)
