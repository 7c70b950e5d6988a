"""An invertible map from normal noise to the codes, trained by maximum likelihood."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae import flows
from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.parts import checked_positive, checked_size
from keras_ae.samplers import second_model
from keras_ae.samplers.sampler import Sampler
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.samplers")
class Flow(Sampler):
    """z = shift + scale f(epsilon), f fitted so that the codes are most likely.

    Args:
        flow: Name (of 4 steps), `{"name": ..., "depth": ..., **options}` or a `Flow`:
            "masked_autoregressive" fits in one pass and draws one number of a code after another,
            "inverse_autoregressive" the other way round, couplings do both in one pass.
        epochs: Passes over the codes at most; training ends early when a held-out tenth of them
            has not become more likely for ten.
        batch_size: Codes of a step.
        learning_rate: Of Adam.

    Reference:
        Papamakarios et al. (2017), https://arxiv.org/abs/1705.07057; Kingma et al. (2016),
        https://arxiv.org/abs/1606.04934; Durkan et al. (2019), https://arxiv.org/abs/1906.04032.

    Example:
        >>> Flow("spline_coupling").epochs
        100
    """

    def __init__(
        self,
        flow: Any = "masked_autoregressive",
        epochs: int = 100,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__()
        self.flow = flows.get(flow, flows.DEPTH)
        self.epochs = checked_size("epochs", epochs)
        self.batch_size = checked_size("batch_size", batch_size)
        self.learning_rate = checked_positive("learning_rate", learning_rate)

    def make_weights(self, latent_shape: Shape) -> None:
        """Make the flow for vectors of a code's numbers."""
        if not self.flow.built:
            self.flow.build((None, int(np.prod(latent_shape))))

    def fit_codes(self, model: Any, x: Any, codes: np.ndarray, *, labels: Any, seed: int) -> None:
        """Train the flow on standardised codes, keep their shift and scale."""
        rows, shift, scale = second_model.standardised(codes)
        with second_model.seeded(seed):
            flow = type(self.flow).from_config(self.flow.get_config())
            flow.build((None, rows.shape[1]))
        density = Density(flow)
        density.compile(keras.optimizers.Adam(self.learning_rate, clipnorm=10.0))
        second_model.fit(density, rows, self.epochs, self.batch_size, seed)
        self.make_weights(model.latent_shape)
        self.flow.set_weights(flow.get_weights())
        self.keep(shift=shift, scale=scale)

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return shift + scale f(epsilon)."""
        kept = self.kept
        shift, scale = (ops.convert_to_tensor(kept[key]) for key in ("shift", "scale"))
        z, _ = self.flow.transform(noise.normal((shape[0], shift.shape[0]), training=training))
        return ops.reshape(shift + scale * z, shape)


class Density(keras.Model):
    """A flow as a model whose loss is the negative log-likelihood of its rows.

    Args:
        flow: A built flow.
    """

    def __init__(self, flow: Any) -> None:
        super().__init__(name="density")
        self.flow = flow
        self.built = True

    def call(self, z: Tensor) -> Tensor:
        """Return log p(z), `(batch,)`, nats."""
        base, log_det = self.flow.invert(z)
        return sum_event(diagonal_gaussian.log_prob(base, 0.0, 0.0 * base)) + log_det

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, *args: Any, **options: Any
    ) -> Tensor:
        """Return the mean of -log p(z)."""
        return -ops.mean(y_pred)
