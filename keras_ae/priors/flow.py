"""A prior that invertible maps make of a normal."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae import flows
from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.priors.prior import Prior
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.priors")
class Flow(Prior):
    """p(z) = N(f^-1(z); 0, I) |det df^-1/dz|, its maps trained with the model.

    Args:
        flow: Name (of 4 steps), `{"name": ..., "depth": ..., **options}` or a `Flow`. Training
            takes the inverse, which "masked_autoregressive", "affine_coupling" and
            "spline_coupling" compute in one pass.

    Reference:
        Chen et al. (2017), https://arxiv.org/abs/1611.02731, section 3.2; Dinh et al. (2017),
        https://arxiv.org/abs/1605.08803, equation 2.

    Example:
        >>> Flow({"name": "affine_coupling", "depth": 4}).space
        'vectors'
    """

    def __init__(self, flow: Any = "masked_autoregressive") -> None:
        super().__init__()
        self.flow = flows.get(flow, flows.DEPTH)

    def make_weights(self, latent_shape: Shape, event_shape: Shape) -> None:
        """Make the maps for codes that are vectors.

        Raises:
            ValueError: They are not.
        """
        if len(latent_shape) != 1:
            raise ValueError(
                f"a flow needs codes that are vectors. Received: latent_shape={latent_shape}"
            )
        self.flow.build((None, *latent_shape))

    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Return log N(f^-1(z); 0, I) + log|det df^-1/dz|."""
        base, log_det = self.flow.invert(ops.cast(z, "float32"))
        return sum_event(diagonal_gaussian.log_prob(base, 0.0, 0.0 * base)) + log_det

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return f(epsilon), epsilon ~ N(0, I)."""
        z, _ = self.flow.transform(noise.normal(shape, training=training))
        return z
