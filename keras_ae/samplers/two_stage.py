"""A second variational autoencoder, of the codes of the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae import networks
from keras_ae.bottlenecks import Gaussian
from keras_ae.distributions.noise import Draws
from keras_ae.latent_model import LatentModel
from keras_ae.likelihoods import CalibratedGaussian
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.parts import checked_size, checked_sizes
from keras_ae.samplers import second_model
from keras_ae.samplers.sampler import Sampler
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.samplers")
class TwoStage(Sampler):
    """Draws u ~ N(0, I), decodes it to a code z ~ p(z | u): the second stage's model of the codes.

    The second stage has a code as long as the first's and learns its one variance. It helps where
    the first stage's posteriors, together, are far from its prior.

    Args:
        hidden: Widths of the second stage's layers.
        epochs: Passes over the codes at most; training ends early when a held-out tenth of them
            has not become more likely for ten.
        batch_size: Codes of a step.

    Reference:
        Dai and Wipf (2019), https://arxiv.org/abs/1903.05789, section 4. The paper draws
        the codes anew for each pass and does not standardise them; its second stage is wider,
        trains for longer, and joins the input of each network to its last layer.

    Example:
        >>> TwoStage(hidden=[64]).hidden
        (64,)
    """

    def __init__(
        self, hidden: Sequence[int] = (256, 256), epochs: int = 100, batch_size: int = 128
    ) -> None:
        super().__init__()
        self.hidden = checked_sizes("hidden", hidden)
        self.epochs = checked_size("epochs", epochs)
        self.batch_size = checked_size("batch_size", batch_size)
        self.decoder: Any = None

    def make_weights(self, latent_shape: Shape) -> None:
        """Make the second stage's decoder."""
        if self.decoder is None:
            size = int(np.prod(latent_shape))
            self._tracker.unlock()
            self.decoder = networks.decoder("mlp", (size,), (size,), self.hidden)

    def fit_codes(self, model: Any, x: Any, codes: np.ndarray, *, labels: Any, seed: int) -> None:
        """Train the second stage on standardised codes, keep its decoder and its scale of x."""
        rows, shift, scale = second_model.standardised(codes)
        size = rows.shape[1]
        with second_model.seeded(seed):
            second = LatentModel(
                (size,),
                bottleneck=Gaussian(size),
                objective=[Reconstruction(), KLDivergence()],
                hidden=self.hidden,
                likelihood=CalibratedGaussian("learned"),
                prior="standard_normal",
            )
        second.compile(keras.optimizers.Adam(1e-3))
        second_model.fit(second, rows, self.epochs, self.batch_size, seed)
        self.make_weights(model.latent_shape)
        self.decoder.set_weights(second.decoder.get_weights())
        deviation = np.exp(0.5 * float(ops.convert_to_numpy(second.likelihood.log_variance)))
        self.keep(shift=shift, scale=scale, deviation=deviation)

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return codes that the second stage decodes from noise, with its own noise added."""
        kept = self.kept
        shift, scale, deviation = (
            ops.convert_to_tensor(kept[key]) for key in ("shift", "scale", "deviation")
        )
        flat = (shape[0], shift.shape[0])
        mean = ops.cast(self.decoder(noise.normal(flat, training=training)), "float32")
        z = mean + deviation * noise.normal(flat, training=training)
        return ops.reshape(shift + scale * z, shape)
