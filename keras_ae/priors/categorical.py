"""The prior of discrete variables."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.distributions import gumbel, special
from keras_ae.distributions.event import sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.priors.prior import Prior
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.priors")
class Categorical(Prior):
    """Independent variables, as one-hot vectors, whose categories are alike or learned.

    Args:
        learned: Whether the probabilities are trained; all categories are alike otherwise.

    Reference:
        Jang et al. (2017), https://arxiv.org/abs/1611.01144, section 4.2.

    Example:
        >>> Categorical().family
        'categorical'
    """

    family = "categorical"
    space = "categories"

    def __init__(self, learned: bool = False) -> None:
        super().__init__()
        self.learned = learned

    def make_weights(self, latent_shape: Shape, event_shape: Shape) -> None:
        """Make the logits, `(variables, categories)`."""
        self.logits = self.add_weight(
            latent_shape,
            "zeros",
            dtype="float32",
            autocast=False,
            trainable=self.learned,
            name="logits",
        )

    def log_probs(self) -> Tensor:
        """Return the log-probabilities, `(variables, categories)`."""
        return special.log_softmax(ops.convert_to_tensor(self.logits), axis=-1)

    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Return the log-probability of one-hot codes."""
        return sum_event(ops.cast(z, "float32") * self.log_probs())

    def is_tempered(self) -> bool:
        """Return that categories are drawn by uniform noise."""
        return False

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return one-hot vectors."""
        return gumbel.one_hot(self.log_probs(), noise.uniform(shape, training=training))
