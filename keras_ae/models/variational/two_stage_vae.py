"""The VAE with a second VAE of its codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.likelihoods import CalibratedGaussian
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.parts import checked_size, checked_sizes
from keras_ae.registry import variant
from keras_ae.samplers import TwoStage
from keras_ae.starting import TrainingRows


@variant(paper="Dai and Wipf (2019), https://arxiv.org/abs/1903.05789")
class TwoStageVAE(LatentModel):
    """Samples codes from a second VAE, that of its codes: samples as sharp as reconstructions.

    The first stage is a VAE that learns its likelihood's one variance. After its steps each `fit`
    trains the second stage on draws of its posteriors, from which `sample` then draws.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code, of either stage.
        second_hidden: Widths of the second stage's layers.
        second_epochs: Passes of the second stage over the codes at most; see
            `keras_ae.samplers.TwoStage`.
        **trunk: See `LatentModel`.

    Reference:
        Dai and Wipf (2019), https://arxiv.org/abs/1903.05789, section 4. What is not as in the
        paper is said in `keras_ae.samplers.TwoStage`.

    Example:
        >>> import numpy as np
        >>> model = TwoStageVAE((6,), latent_dim=2, second_hidden=[8], second_epochs=2)
        >>> model.compile("adam")
        >>> _ = model.fit(np.random.default_rng(0).random((40, 6)), verbose=0)
        >>> type(model.source).__name__
        'TwoStage'
    """

    chooses = ("prior", "likelihood")

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        second_hidden: Sequence[int] = (256, 256),
        second_epochs: int = 100,
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior="standard_normal",
            likelihood=CalibratedGaussian("learned"),
            objective=[Reconstruction(), KLDivergence()],
            **trunk,
        )
        self.second_hidden = checked_sizes("second_hidden", second_hidden)
        self.second_epochs = checked_size("second_epochs", second_epochs)

    def begin(self, rows: TrainingRows, is_new: bool) -> None:
        """Refuse data that the second stage would find used up, before the first stage trains.

        Raises:
            ValueError: As said.
        """
        rows.first(1)

    def finish(self, rows: TrainingRows) -> None:
        """Train the second stage."""
        TwoStage(self.second_hidden, self.second_epochs).fit(self, rows.first())
