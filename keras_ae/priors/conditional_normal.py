"""A prior that learns where the codes of each condition are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.parts import checked_sizes
from keras_ae.priors.conditional import Conditional, DiagonalNormal
from keras_ae.priors.gaussian_mixture import MAX_LOG_VAR
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.priors")
class ConditionalNormal(Conditional):
    """p(z | c) = N(z; mean(c), diag exp(log_var(c))), both by a small network.

    It needs a model with a condition, starts near N(0, I), and is used through `given(condition)`.

    Args:
        hidden: Widths of the network's hidden layers; with none mean and log_var are linear.

    Reference:
        Sohn et al. (2015),
        https://papers.nips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051-Abstract.html,
        section 4: the prior network.

    Example:
        >>> ConditionalNormal(hidden=[32]).family
        'diagonal_normal'
    """

    family = DiagonalNormal.family

    def __init__(self, hidden: Sequence[int] = (64,)) -> None:
        super().__init__()
        self.hidden = [
            keras.layers.Dense(width, activation="relu", dtype="float32", name=f"hidden_{i}")
            for i, width in enumerate(checked_sizes("hidden", hidden))
        ]

    def make_weights(self, latent_shape: Shape, event_shape: Shape) -> None:
        """Make the last layer, small: a variance far from 1 costs e^log_var at once."""
        self.latent_shape = tuple(latent_shape)
        small = keras.initializers.RandomNormal(stddev=0.01)
        width = 2 * math.prod(latent_shape)
        self.last = keras.layers.Dense(
            width, kernel_initializer=small, dtype="float32", name="last"
        )

    def make_conditional_weights(self, centre: Any) -> None:
        """Make the weights for vectors of this length."""
        size = len(centre)
        for layer in (*self.hidden, self.last):
            layer.build((None, size))
            size = layer.units

    def under(self, condition: Tensor) -> DiagonalNormal:
        """Return the normals of conditions `(batch, size)`."""
        h = ops.cast(condition, "float32")
        for layer in (*self.hidden, self.last):
            h = layer(h)
        shape = (-1, *self.latent_shape)
        mean, log_var = (ops.reshape(part, shape) for part in ops.split(h, 2, axis=-1))
        return DiagonalNormal(mean, ops.clip(log_var, -MAX_LOG_VAR, MAX_LOG_VAR))
