"""The prior of numbers and discrete variables side by side."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_ae.distributions import diagonal_gaussian, gumbel
from keras_ae.distributions.event import sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.parts import checked_sizes
from keras_ae.priors.prior import Prior
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.priors")
class Joint(Prior):
    """N(0, I) of the numbers, and variables as one-hot vectors whose categories are alike.

    It needs a model with a `Joint` posterior.

    Args:
        categories: Number of categories of each variable, the posterior's.

    Reference:
        Dupont (2018), https://arxiv.org/abs/1804.00104, section 3.

    Example:
        >>> Joint([10]).family
        'joint'
    """

    family = "joint"
    space = "numbers and categories"

    def __init__(self, categories: Any = (10,)) -> None:
        super().__init__()
        self.categories = checked_sizes("categories", categories)
        if not self.categories or min(self.categories) < 2:
            raise ValueError(
                "`categories` must have at least 2 for each variable, of which there is one. "
                f"Received: categories={categories!r}"
            )

    def check_model(self, model: Any) -> None:
        """Refuse a posterior of other variables.

        Raises:
            ValueError: As said.
        """
        others = getattr(model.bottleneck, "categories", None)
        if others != self.categories:
            raise ValueError(
                "prior and posterior must have the same `categories`. "
                f"Received: {self.categories} and {others}"
            )

    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Return log N(z; 0, I) - sum_i log K_i."""
        numbers = ops.cast(z, "float32")[:, : z.shape[1] - sum(self.categories)]
        uniform = sum(math.log(number) for number in self.categories)
        return sum_event(diagonal_gaussian.log_prob(numbers, 0.0, 0.0 * numbers)) - uniform

    def is_tempered(self) -> bool:
        """Return that the variables are drawn by uniform noise."""
        return False

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return normal numbers, and one-hot vectors."""
        numbers = shape[1] - sum(self.categories)
        parts = [noise.normal((shape[0], numbers), training=training)]
        for number in self.categories:
            uniform = noise.uniform((shape[0], number), training=training)
            parts.append(gumbel.one_hot(ops.zeros_like(uniform), uniform))
        return ops.concatenate(parts, axis=-1)
