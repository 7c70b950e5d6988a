"""The prior of binary variables."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.distributions.event import sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.priors.prior import Prior
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.priors")
class Bernoulli(Prior):
    """Independent variables that are 0 or 1, even or with learned probabilities.

    Args:
        learned: Whether the probabilities are trained; they are one half otherwise.

    Reference:
        Maddison et al. (2017), https://arxiv.org/abs/1611.00712, section 5.

    Example:
        >>> Bernoulli().family
        'bernoulli'
    """

    family = "bernoulli"
    space = "bits"

    def __init__(self, learned: bool = False) -> None:
        super().__init__()
        self.learned = learned

    def make_weights(self, latent_shape: Shape, event_shape: Shape) -> None:
        """Make the logits, `latent_shape`."""
        self.logits = self.add_weight(
            latent_shape,
            "zeros",
            dtype="float32",
            autocast=False,
            trainable=self.learned,
            name="logits",
        )

    def logits_now(self) -> Tensor:
        """Return the logits of a one."""
        return ops.convert_to_tensor(self.logits)

    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Return the log-probability of zeros and ones."""
        logits = self.logits_now()
        return sum_event(ops.cast(z, "float32") * logits - ops.softplus(logits))

    def is_tempered(self) -> bool:
        """Return that they are drawn by uniform noise."""
        return False

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return zeros and ones."""
        uniform = noise.uniform(shape, training=training)
        return ops.cast(uniform < ops.sigmoid(self.logits_now()), "float32")
