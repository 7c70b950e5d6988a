"""Deep embedded clustering that keeps what codes say of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Clustered
from keras_ae.clusters import ClusterModel
from keras_ae.objectives import ClusterDivergence, Reconstruction
from keras_ae.parts import checked_non_negative
from keras_ae.registry import variant


@variant(paper="Guo et al. (2017), https://doi.org/10.24963/ijcai.2017/243")
class IDEC(ClusterModel):
    """Clusters data as `dec` does, while codes still have to tell what rows are.

    After an autoencoder of the same networks, k-means of its codes puts the centres; then the
    squared error + gamma KL(P || Q) is minimised, from the shares Q of clusters to a sharper
    target P. In nats, of a normal p(x | z) of variance 1, that is reconstruction + gamma / 2 KL.
    `responsibilities` gives the shares.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        clusters: Number of clusters.
        gamma: How much the divergence counts beside the squared error.
        pretrain_epochs: Passes of the autoencoder over the data, before the first step.
        pretrain_batch_size: Rows of its steps, by Adam at a rate of 0.001.
        tolerance: Training stops when after an epoch fewer than this share of the rows have gone
            to another cluster; 0 for never.
        **trunk: See `LatentModel`.

    Reference:
        Guo et al. (2017), https://doi.org/10.24963/ijcai.2017/243, equations 1, 3
        and 9, and section 3.4. The target is renewed after each epoch, where the paper has a number
        of steps.

    Example:
        >>> import numpy as np
        >>> model = IDEC((6,), latent_dim=2, clusters=3)
        >>> model.responsibilities(np.zeros((4, 6))).shape
        (4, 3)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 10,
        *,
        clusters: int = 10,
        gamma: float = 0.1,
        pretrain_epochs: int = 10,
        pretrain_batch_size: int = 256,
        tolerance: float = 0.001,
        **trunk: Any,
    ) -> None:
        weight = checked_non_negative("gamma", gamma) / 2.0
        super().__init__(
            input_shape,
            bottleneck=Clustered(latent_dim, clusters),
            objective=[Reconstruction(), ClusterDivergence(weight)],
            **trunk,
        )
        self.set_start(pretrain_epochs, pretrain_batch_size, tolerance)
