"""Posteriors on the unit sphere."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from keras_ae.bottlenecks.posterior import Posterior, head
from keras_ae.distributions import hypersphere, power_spherical, von_mises_fisher
from keras_ae.parts import checked_size
from keras_ae.typing import Outputs, Tensor

DISTRIBUTIONS: dict[str, Any] = {
    "power_spherical": power_spherical,
    "von_mises_fisher": von_mises_fisher,
}
MAX_CONCENTRATION = 1e4


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Hyperspherical(Posterior):
    """q(z | x) on the unit sphere around direction(h), the tighter the larger concentration(h).

    The concentration is softplus(.) + 1, at most 10^4, wherever it is used.

    Args:
        latent_dim: Length d of the code, at least 2; codes lie on the sphere S^(d - 1).
        distribution: "von_mises_fisher" or "power_spherical", which is cheaper to draw from.

    Reference:
        Davidson et al. (2018), https://arxiv.org/abs/1804.00891, section 3;
        De Cao and Aziz (2020), https://arxiv.org/abs/2006.04437.

    Example:
        >>> import numpy as np
        >>> from keras import ops
        >>> drawn = Hyperspherical(3)(np.ones((1, 5), "float32"), sample=True)
        >>> round(float(np.sum(ops.convert_to_numpy(drawn["latent"]) ** 2)), 4)
        1.0
    """

    reports = ("direction", "concentration")
    space = "sphere"
    closed_form = ("hyperspherical_uniform",)

    def __init__(
        self,
        latent_dim: int,
        distribution: Literal["von_mises_fisher", "power_spherical"] = "von_mises_fisher",
    ) -> None:
        super().__init__()
        latent_dim = checked_size("latent_dim", latent_dim)
        if latent_dim < 2:
            raise ValueError(
                f"`latent_dim` must be at least 2 on a sphere. Received: latent_dim={latent_dim}"
            )
        if distribution not in DISTRIBUTIONS:
            raise ValueError(
                f"`distribution` must be one of {sorted(DISTRIBUTIONS)}. "
                f"Received: distribution={distribution!r}"
            )
        self.latent_shape = (latent_dim,)
        self.density = DISTRIBUTIONS[distribution]
        self.direction_head = head(latent_dim, "direction")
        self.concentration_head = head(1, "concentration")

    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights of both heads."""
        self.direction_head.build(flat_shape)
        self.concentration_head.build(flat_shape)

    def parameters_of(self, features: Tensor) -> Outputs:
        """Return `direction` `(batch, latent_dim)` and `concentration` `(batch, 1)`."""
        concentration = ops.softplus(self.concentration_head(features)) + 1.0
        return {
            "direction": hypersphere.onto(self.direction_head(features)),
            "concentration": ops.minimum(concentration, MAX_CONCENTRATION),
        }

    def code(self, parameters: Outputs) -> Outputs:
        """Return the direction, which is the mode."""
        return {"latent": parameters["direction"]}

    def draw(self, parameters: Outputs, training: bool = False) -> Outputs:
        """Return one point of the sphere for each row."""
        direction, concentration = parameters["direction"], parameters["concentration"]
        return {"latent": self.density.sample(direction, concentration, self.noise, training)}

    def log_prob(self, outputs: Outputs) -> Tensor:
        """Return log q(latent | x) by the area of the sphere, `(batch,)`, nats."""
        keys = ("latent", "direction", "concentration")
        density: Tensor = self.density.log_prob(*(outputs[key] for key in keys))
        return density

    def between(self, a: Tensor, b: Tensor, share: Tensor) -> Tensor:
        """Return codes on great circles."""
        return hypersphere.geodesic(a, b, share)

    def kl(self, outputs: Outputs, prior: Any) -> Tensor:
        """Return the divergence from the uniform distribution, `(batch, 1)`, nats."""
        rate = self.density.kl_uniform(outputs["concentration"], self.latent_shape[0])
        return ops.expand_dims(rate, -1)
