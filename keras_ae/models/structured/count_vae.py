"""The VAE of counts whose totals say how much was looked at, as in single cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_ae import arrays, conditions, inputs, likelihoods, networks
from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.likelihoods.counts import Counts
from keras_ae.networks.library import with_library
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.parts import checked_size
from keras_ae.registry import variant
from keras_ae.starting import TrainingRows


@variant(paper="Lopez et al. (2018), https://doi.org/10.1038/s41592-018-0229-2")
class CountVAE(LatentModel):
    """Models counts as shares of a total that has a code of its own: genes of single cells.

    Minimises E_q -log p(x | z, l) + KL(q(z, l | x) || p(z, l)), x negative binomial with the mean
    exp(l) softmax(g(z)) and with a dispersion for each entry. A code's first number is l, the
    logarithm of the expected total, standardised by those of the training data: `encode(x)[:, 1:]`
    is z, which is free of how much was counted.

    Args:
        input_shape: Shape of one example, `(entries,)`.
        latent_dim: Length of z; codes are longer by one.
        beta: Weight of the divergence, not negative, or a Keras schedule over training steps.
        likelihood: "negative_binomial", "zero_inflated_negative_binomial" or "poisson".
        decoder: Name or dict of the network g.
        hidden: Sizes of the encoder's stages; g mirrors them.
        condition: What encoder and g are told of each row, such as its batch.
        prior: p(z, l); standard normal by default.
        **trunk: See `LatentModel`.

    Reference:
        Lopez et al. (2018), https://doi.org/10.1038/s41592-018-0229-2, methods, "scVI". The paper
        has a second network for q(l | x), and the mean and variance of l for each batch.

    Example:
        >>> model = CountVAE((6,), latent_dim=2, hidden=[8])
        >>> model.latent_shape, model.likelihood.name
        ((3,), 'negative_binomial')
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 10,
        *,
        beta: Any = 1.0,
        likelihood: Any = "negative_binomial",
        decoder: Any = "mlp",
        hidden: Sequence[int] | None = None,
        condition: Any = None,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        width = math.prod(arrays.checked_shape(input_shape))
        counts, told = likelihoods.get(likelihood), conditions.get(condition)
        if not isinstance(counts, Counts):
            raise ValueError(
                "`likelihood` must be one of counts. Received: "
                f"{type(counts).__name__}. Take 'negative_binomial'."
            )
        blocks = counts.decoded_shape((width,))[0] // width
        disperses = blocks > 1
        network = networks.decoder(
            decoder,
            (checked_size("latent_dim", latent_dim) + (told.size if told else 0),),
            ((blocks - disperses) * width,),
            hidden,
        )
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim + 1),
            prior=prior,
            objective=[Reconstruction(), KLDivergence(beta)],
            likelihood=counts,
            decoder=with_library(network, width, disperses),
            hidden=hidden,
            condition=told,
            **trunk,
        )

    def begin(self, rows: TrainingRows, is_new: bool) -> None:
        """Measure the totals of the training data.

        Raises:
            ValueError: The data can be read only once.
        """
        library = self.decoder.get_layer("library")
        if not library.is_adapted:
            batches = inputs.batches_of(rows.x, batches=rows.steps)
            parts = (part for batch in batches for part in arrays.chunks(batch))
            library.adapt(np.concatenate([np.nansum(part, axis=1) for part in parts]))
