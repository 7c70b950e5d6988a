"""The wrapped normal prior in the Poincare ball."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.distributions import wrapped_normal
from keras_ae.distributions.noise import Draws
from keras_ae.parts import checked_positive
from keras_ae.priors.prior import Prior
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.priors")
class WrappedNormal(Prior):
    """A standard normal of the tangent space at the origin, wrapped into the Poincare ball.

    Args:
        curvature: c, positive; the posterior's.

    Reference:
        Mathieu et al. (2019), https://arxiv.org/abs/1901.06033, section 3.

    Example:
        >>> WrappedNormal(0.5).space
        'ball'
    """

    space = "ball"

    def __init__(self, curvature: float = 1.0) -> None:
        super().__init__()
        self.curvature = checked_positive("curvature", curvature)

    def check_model(self, model: Any) -> None:
        """Refuse a posterior in another space.

        Raises:
            ValueError: The posterior has another curvature.
        """
        other = getattr(model.bottleneck, "curvature", self.curvature)
        if other != self.curvature:
            raise ValueError(
                "prior and posterior must have one curvature. "
                f"Received: curvature={self.curvature} and {other}"
            )

    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Return the log-density by the volume of the space."""
        density: Tensor = wrapped_normal.log_prob(z, 0.0 * z, 0.0 * z, self.curvature)
        return density

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return points of the ball."""
        epsilon = noise.normal(shape, training=training)
        origin = ops.zeros_like(epsilon)
        drawn: Tensor = wrapped_normal.sample(origin, origin, epsilon, self.curvature)
        return drawn
