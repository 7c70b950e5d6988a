"""Variational deep embedding: clustering by a VAE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gaussian
from keras_ae.clusters import Pretraining
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import MixtureRate, Reconstruction
from keras_ae.priors import GaussianMixture
from keras_ae.registry import variant
from keras_ae.starting import TrainingRows


@variant(paper="Jiang et al. (2017), https://arxiv.org/abs/1611.05148")
class VaDE(LatentModel):
    """Clusters data: each cluster is a normal in the space of codes, learned with the networks.

    Minimises E_q -log p(x | z) + KL(q(z, c | x) || p(z, c)) for a mixture p(z, c), which starts as
    one that is fitted to the codes of an autoencoder of the same networks. `responsibilities` gives
    the probability of each cluster.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        components: Number of clusters.
        pretrain_epochs: Passes of the autoencoder over the data, before the first step; none at 0.
        pretrain_batch_size: Rows of its steps, by Adam at a rate of 0.001.
        **trunk: See `LatentModel`.

    Reference:
        Jiang et al. (2017), https://arxiv.org/abs/1611.05148, section 3, equation 12. The paper
        starts from stacked denoising autoencoders, layer after layer; here all layers are trained
        at once.

    Example:
        >>> import numpy as np
        >>> model = VaDE((6,), latent_dim=2, components=3)
        >>> model.responsibilities(np.zeros((4, 6))).shape
        (4, 3)
    """

    chooses = ("prior",)

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 10,
        *,
        components: int = 10,
        pretrain_epochs: int = 10,
        pretrain_batch_size: int = 128,
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=GaussianMixture(components),
            objective=[Reconstruction(), MixtureRate()],
            **trunk,
        )
        self.pretraining = Pretraining(pretrain_epochs, pretrain_batch_size)

    def begin(self, rows: TrainingRows, is_new: bool) -> None:
        """Train an autoencoder of the same networks, and start the mixture from its codes.

        Raises:
            ValueError: The data can be read only once, or there are fewer rows than clusters.
        """
        if is_new and self.pretraining.epochs:
            codes = self.pretraining.codes(self, self.bottleneck.mean_head, rows)
            mixture: Any = self.prior
            mixture.start(codes if rows.weights is None else codes[rows.weights > 0])
