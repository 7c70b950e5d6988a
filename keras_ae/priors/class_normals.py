"""A prior of one normal for each class, at a place of its own that does not move."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.parts import checked_positive
from keras_ae.priors.conditional import Conditional, DiagonalNormal
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.priors")
class ClassNormals(Conditional):
    """p(z | c) = N(z; m_c, s^2 I), the m_c even on a circle around the origin.

    The circle lies in the first two numbers of the code; the others have mean 0. It needs a model
    with labels for conditions.

    Args:
        radius: Of the circle, positive.
        deviation: s, positive; neighbours are 2 radius sin(pi / classes) apart.

    Reference:
        Makhzani et al. (2015), https://arxiv.org/abs/1511.05644, section 2.3 and figure 4, whose
        normals are longer than wide.

    Example:
        >>> ClassNormals(radius=3.0).family
        'diagonal_normal'
    """

    family = DiagonalNormal.family

    def __init__(self, radius: float = 4.0, deviation: float = 0.5) -> None:
        super().__init__()
        self.radius = checked_positive("radius", radius)
        self.deviation = checked_positive("deviation", deviation)

    def check_model(self, model: Any) -> None:
        """Refuse a model without labels, or with codes that have no circle.

        Raises:
            ValueError: As said.
        """
        super().check_model(model)
        if not hasattr(model.condition, "categories"):
            raise ValueError(
                "normals of classes need labels for conditions. Received: "
                f"{type(model.condition).__name__}. Pass {{'name': 'label', 'categories': ...}}."
            )
        if len(model.latent_shape) != 1 or model.latent_shape[0] < 2:
            raise ValueError(
                "normals of classes need codes that are vectors of at least 2 numbers. "
                f"Received: latent_shape={model.latent_shape}"
            )

    def make_weights(self, latent_shape: Shape, event_shape: Shape) -> None:
        """Remember the code's length."""
        self.length = latent_shape[0]

    def make_conditional_weights(self, centre: Any) -> None:
        """Place a mean for each class, `(classes, latent_dim)`."""
        angles = 2.0 * math.pi * np.arange(len(centre)) / len(centre)
        self.means = np.zeros((len(centre), self.length), "float32")
        self.means[:, 0], self.means[:, 1] = np.cos(angles), np.sin(angles)
        self.means *= self.radius

    def under(self, condition: Tensor) -> DiagonalNormal:
        """Return the normals of one-hot vectors `(batch, classes)`."""
        mean = ops.matmul(ops.cast(condition, "float32"), ops.convert_to_tensor(self.means))
        return DiagonalNormal(mean, ops.full_like(mean, 2.0 * math.log(self.deviation)))
