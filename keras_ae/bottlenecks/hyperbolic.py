"""A posterior in hyperbolic space: the Poincare ball."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.bottlenecks.posterior import Posterior, head
from keras_ae.distributions import poincare_ball, wrapped_normal
from keras_ae.parts import checked_positive, checked_size
from keras_ae.typing import Outputs, Tensor

MAX_LOG_VAR = 5.0
"""Beyond a variance of e^5 draws reach the ball's edge, which float32 cannot resolve."""


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Hyperbolic(Posterior):
    """q(z | x) in the Poincare ball: a normal in the tangent space of its mean, wrapped around.

    The mean is the exponential map of its head at the origin. Trees fit here in few dimensions.

    Args:
        latent_dim: Length of the code, at least 1.
        curvature: c, positive: the space has the curvature -c, the ball the radius 1 / sqrt(c).

    Reference:
        Mathieu et al. (2019), https://arxiv.org/abs/1901.06033, section 3.

    Example:
        >>> import numpy as np
        >>> from keras import ops
        >>> drawn = Hyperbolic(2)(np.ones((1, 5), "float32"), sample=True)
        >>> float(np.sum(ops.convert_to_numpy(drawn["latent"]) ** 2)) < 1
        True
    """

    reports = ("mean", "log_var")
    space = "ball"

    def __init__(self, latent_dim: int, curvature: float = 1.0) -> None:
        super().__init__()
        latent_dim = checked_size("latent_dim", latent_dim)
        self.latent_shape = (latent_dim,)
        self.curvature = checked_positive("curvature", curvature)
        self.mean_head = head(latent_dim, "mean")
        self.log_var_head = head(latent_dim, "log_var")

    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights of both heads."""
        self.mean_head.build(flat_shape)
        self.log_var_head.build(flat_shape)

    def parameters_of(self, features: Tensor) -> Outputs:
        """Return `mean`, a point of the ball, and `log_var`, each `(batch, latent_dim)`."""
        tangent = self.mean_head(features)
        mean = poincare_ball.exp_map(ops.zeros_like(tangent), tangent, self.curvature)
        log_var = ops.clip(self.log_var_head(features), -20.0, MAX_LOG_VAR)
        return {"mean": mean, "log_var": log_var}

    def code(self, parameters: Outputs) -> Outputs:
        """Return the mean."""
        return {"latent": parameters["mean"]}

    def draw(self, parameters: Outputs, training: bool = False) -> Outputs:
        """Return one point of the ball for each row."""
        mean, log_var = parameters["mean"], parameters["log_var"]
        epsilon = self.noise.normal(ops.shape(mean), "float32", training)
        return {"latent": wrapped_normal.sample(mean, log_var, epsilon, self.curvature)}

    def log_prob(self, outputs: Outputs) -> Tensor:
        """Return log q(latent | x) by the volume of the space, `(batch,)`, nats."""
        z, mean, log_var = (outputs[key] for key in ("latent", "mean", "log_var"))
        density: Tensor = wrapped_normal.log_prob(z, mean, log_var, self.curvature)
        return density

    def between(self, a: Tensor, b: Tensor, share: Tensor) -> Tensor:
        """Return codes on the ball's geodesics."""
        return poincare_ball.geodesic(a, b, share, self.curvature)
