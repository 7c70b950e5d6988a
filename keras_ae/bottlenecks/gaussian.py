"""A normal posterior with independent coordinates."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.bottlenecks.bottleneck import Bottleneck
from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.noise import Noise
from keras_ae.parts import checked_size
from keras_ae.typing import Outputs, Tensor

MAX_LOG_VAR = 20.0


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Gaussian(Bottleneck):
    """q(z | x) = N(z; mean(h), diag exp(log_var(h))), drawn by the reparameterisation trick.

    Both heads are float32 under any mixed-precision policy. `log_var` is bounded to +-20, far
    outside of what a posterior needs, so that its exponential stays finite.

    Args:
        latent_dim: Length of the code, at least 1.

    Reference:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, equation 9 and appendix C.2.

    Example:
        >>> import numpy as np
        >>> outputs = Gaussian(2)(np.ones((3, 5), "float32"), sample=True)
        >>> sorted(outputs)
        ['latent', 'log_var', 'mean']
    """

    reports = ("mean", "log_var")

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_shape = (checked_size("latent_dim", latent_dim),)
        self.flatten = keras.layers.Flatten("channels_last")
        self.mean_head = keras.layers.Dense(*self.latent_shape, name="mean", dtype="float32")
        self.log_var_head = keras.layers.Dense(*self.latent_shape, name="log_var", dtype="float32")
        self.noise = Noise()

    def build(self, h_shape: Any) -> None:
        """Make the heads' weights for features of this shape."""
        self.flatten.build(h_shape)
        flat_shape = self.flatten.compute_output_shape(h_shape)
        self.mean_head.build(flat_shape)
        self.log_var_head.build(flat_shape)
        self.built = True

    def call(self, h: Tensor, training: bool = False, sample: bool = False) -> Outputs:
        """Return `latent`, `mean` and `log_var`, each `(batch, latent_dim)` float32."""
        h = self.flatten(h)
        mean = self.mean_head(h)
        log_var = ops.clip(self.log_var_head(h), -MAX_LOG_VAR, MAX_LOG_VAR)
        latent = self.draw(mean, log_var, training) if sample else mean
        return {"latent": latent, "mean": mean, "log_var": log_var}

    def draw(self, mean: Tensor, log_var: Tensor, training: bool = False) -> Tensor:
        """Return one draw from the posterior for each row."""
        epsilon = self.noise.normal(ops.shape(mean), "float32", training)
        return diagonal_gaussian.sample(mean, log_var, epsilon)
