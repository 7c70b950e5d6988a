"""A posterior of two levels: the lower one sees what was drawn in the upper."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.bottlenecks.diagonal_gaussian import bounded
from keras_ae.bottlenecks.posterior import Posterior, head
from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import sum_event
from keras_ae.parts import checked_size
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class TwoLevelGaussian(Posterior):
    """q(z_1, z_2 | x) = q(z_1 | x, z_2) q(z_2 | x), both normal; the code is z_1, then z_2.

    Args:
        lower_dim: Length of z_1, which is nearer to the data.
        upper_dim: Length of z_2.
        hidden: Width of the layer that joins the features and z_2.

    Reference:
        Tomczak and Welling (2018), https://arxiv.org/abs/1705.07120, section 3, equation 11.

    Example:
        >>> TwoLevelGaussian(3, 2).latent_shape
        (5,)
    """

    reports = ("features", "upper_mean", "upper_log_var", "lower_mean", "lower_log_var")
    has_paths = False

    def __init__(self, lower_dim: int, upper_dim: int, hidden: int = 128) -> None:
        super().__init__()
        self.lower_dim = checked_size("lower_dim", lower_dim)
        self.upper_dim = checked_size("upper_dim", upper_dim)
        self.latent_shape = (self.lower_dim + self.upper_dim,)
        self.upper_mean_head = head(self.upper_dim, "upper_mean")
        # Both variances begin near 1: one far from it costs e^log_var in the other's density.
        small = keras.initializers.RandomNormal
        self.upper_log_var_head = head(
            self.upper_dim, "upper_log_var", kernel_initializer=small(stddev=0.01)
        )
        self.join = head(checked_size("hidden", hidden), "join", activation="relu")
        self.lower_mean_head = head(self.lower_dim, "lower_mean")
        self.lower_log_var_head = head(
            self.lower_dim, "lower_log_var", kernel_initializer=small(stddev=0.01)
        )

    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights of both levels."""
        self.upper_mean_head.build(flat_shape)
        self.upper_log_var_head.build(flat_shape)
        self.join.build((None, flat_shape[-1] + self.upper_dim))
        self.lower_mean_head.build((None, self.join.units))
        self.lower_log_var_head.build((None, self.join.units))

    def parameters_of(self, features: Tensor) -> Outputs:
        """Return `upper_mean`, `upper_log_var` `(batch, upper_dim)`, and the `features`."""
        return {
            "features": ops.cast(features, "float32"),
            "upper_mean": self.upper_mean_head(features),
            "upper_log_var": bounded(self.upper_log_var_head(features)),
        }

    def code(self, parameters: Outputs) -> Outputs:
        """Return the mean of z_1 at the mean of z_2, and that."""
        lower = self._lower(parameters, parameters["upper_mean"])
        return {**lower, "latent": self._joined(lower["lower_mean"], parameters["upper_mean"])}

    def draw(self, parameters: Outputs, training: bool = False) -> Outputs:
        """Return z_2 drawn, and z_1 drawn given z_2, with the parameters of the latter."""
        upper = self._drawn(parameters, "upper", training)
        lower = self._lower(parameters, upper)
        return {**lower, "latent": self._joined(self._drawn(lower, "lower", training), upper)}

    def log_prob(self, outputs: Outputs) -> Tensor:
        """Return log q(z_1 | x, z_2) + log q(z_2 | x), `(batch,)`, nats."""
        mean = self._joined(outputs["lower_mean"], outputs["upper_mean"])
        log_var = self._joined(outputs["lower_log_var"], outputs["upper_log_var"])
        return sum_event(diagonal_gaussian.log_prob(outputs["latent"], mean, log_var))

    def upper_parameters(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z_2 | x) of encoder features."""
        parameters = self.distribution(h)
        return parameters["upper_mean"], parameters["upper_log_var"]

    def _lower(self, parameters: Outputs, upper: Tensor) -> Outputs:
        joined = self.join(ops.concatenate([parameters["features"], upper], axis=-1))
        return {
            "lower_mean": self.lower_mean_head(joined),
            "lower_log_var": bounded(self.lower_log_var_head(joined)),
        }

    def _drawn(self, parameters: Outputs, level: str, training: bool) -> Tensor:
        mean, log_var = parameters[f"{level}_mean"], parameters[f"{level}_log_var"]
        epsilon = self.noise.normal(ops.shape(mean), "float32", training)
        return diagonal_gaussian.sample(mean, log_var, epsilon)

    def _joined(self, lower: Tensor, upper: Tensor) -> Tensor:
        return ops.concatenate([lower, upper], axis=-1)
