"""Levels of vectors, whose posteriors join what the data say with what the prior says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.bottlenecks.diagonal_gaussian import bounded
from keras_ae.bottlenecks.posterior import head
from keras_ae.bottlenecks.top_down.levelled import LevelledGaussian, Normal
from keras_ae.parts import checked_sizes
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class LadderGaussian(LevelledGaussian):
    """q(z_l | z_l-1, x) in proportion to p(z_l | z_l-1) N(z_l; mean_l(x), diag var_l(x)).

    A network upwards gives each level's mean and variance; what they say is weighed with the prior
    by the precisions of both. The prior of the top level is N(0, I), that of another a network of
    the level above.

    Args:
        latent_dims: Lengths of the levels' codes, the top one first.
        hidden: Width of the layer of each level, upwards and downwards.

    Reference:
        Sonderby et al. (2016), https://arxiv.org/abs/1602.02282, equations 11 to 19 (section 2.2),
        without batch normalisation.

    Example:
        >>> LadderGaussian([2, 3]).latent_dims
        (2, 3)
    """

    def __init__(self, latent_dims: Sequence[int], hidden: int = 128) -> None:
        super().__init__()
        self.latent_dims = checked_sizes("latent_dims", latent_dims)
        if not self.latent_dims:
            raise ValueError("`latent_dims` must have one level or more. Received: none")
        self.flatten = keras.layers.Flatten("channels_last")
        names = [f"{i + 1}" for i in range(len(self.latent_dims))]
        bent = {"activation": "leaky_relu"}
        self.up = [head(hidden, f"up_{name}", **bent) for name in names]
        self.seen = [
            head(2 * size, f"seen_{name}")
            for name, size in zip(names, self.latent_dims, strict=True)
        ]
        self.down = [head(hidden, f"down_{name}", **bent) for name in names[1:]]
        self.priors = [
            head(2 * size, f"prior_{name}")
            for name, size in zip(names[1:], self.latent_dims[1:], strict=True)
        ]

    def build_levels(self, h_shape: Shape) -> Sequence[Shape]:
        """Make the layers."""
        width = h_shape[-1]
        for up, seen in reversed(list(zip(self.up, self.seen, strict=True))):
            up.build((None, width))
            width = up.units
            seen.build((None, width))
        for above, down, prior in zip(self.latent_dims, self.down, self.priors, strict=False):
            down.build((None, above))
            prior.build((None, down.units))
        return [(size,) for size in self.latent_dims]

    def bottom_up(self, features: Tensor) -> Sequence[Tensor]:
        """Return means and log-variances side by side, the top level first."""
        h, found = features, []
        for up, seen in reversed(list(zip(self.up, self.seen, strict=True))):
            h = up(h)
            found.append(seen(h))
        return found[::-1]

    def first_state(self, like: Tensor) -> Tensor:
        """Return nothing above the top level: vectors of no entries."""
        return ops.cast(like, "float32")[:, :0]

    def prior(self, level: int, state: Tensor) -> tuple[Normal, Tensor]:
        """Return N(0, I) for the top level, else the network's of the level above."""
        if level == 0:
            zeros = ops.zeros((ops.shape(state)[0], self.latent_dims[0]), "float32")
            return Normal(zeros, zeros), state
        h = self.priors[level - 1](self.down[level - 1](state))
        return _split(h), state

    def posterior(self, level: int, state: Tensor, seen: Tensor, prior: Normal) -> Normal:
        """Return the precision-weighted mean and variance, in units of the prior."""
        mean, log_var = _split(seen)
        deviation = ops.exp(0.5 * prior.log_var)
        if level == 0:
            return Normal(mean, log_var)
        # var_q / var_p = var / (var + var_p), and the share of what is seen is the rest.
        share = ops.sigmoid(prior.log_var - log_var)
        return Normal(
            share * (mean - prior.mean) / deviation, -ops.softplus(prior.log_var - log_var)
        )

    def advance(self, level: int, state: Tensor, z: Tensor) -> Tensor:
        """Return z: levels below see it alone."""
        return z


def _split(parameters: Any) -> Normal:
    mean, log_var = ops.split(parameters, 2, axis=-1)
    return Normal(mean, bounded(log_var))
