"""A layer of planes in the Poincare ball."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_ae.distributions import poincare_ball
from keras_ae.parts import checked_positive, checked_size
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.networks")
class Gyroplanes(keras.layers.Layer):
    """Signed distances of points of the Poincare ball from planes, as long as the planes' normals.

    f(z) = 2 |a| / sqrt(c) arsinh(2 sqrt(c) <-p + z, a> / ((1 - c |-p + z|^2) |a|)), + Moebius's:
    what a dense layer's 4 <a, z - p> becomes in a space of curvature -c. The normals a are given at
    the origin, the points p as the exponential map of a weight there. Computed in float32 under any
    policy.

    Args:
        units: Number of planes.
        curvature: c, positive.
        ball_dim: Numbers of the input that are the point; what follows them goes through a linear
            map whose values are added. All of them when None.

    Reference:
        Ganea, Becigneul and Hofmann (2018), https://arxiv.org/abs/1805.09112, section 3.1; Mathieu
        et al. (2019), https://arxiv.org/abs/1901.06033, section 3.

    Example:
        >>> import numpy as np
        >>> Gyroplanes(4, 1.0)(np.zeros((3, 2), "float32")).shape == (3, 4)
        True
    """

    def __init__(
        self, units: int, curvature: float, ball_dim: int | None = None, **options: Any
    ) -> None:
        super().__init__(**{**options, "dtype": "float32"})
        self.units = checked_size("units", units)
        self.curvature = checked_positive("curvature", curvature)
        self.ball_dim = None if ball_dim is None else checked_size("ball_dim", ball_dim)

    def build(self, input_shape: Any) -> None:
        """Make normals and points, and the linear map of what follows a point."""
        size = input_shape[-1] if self.ball_dim is None else self.ball_dim
        # Small points: planes through the origin's neighbourhood, as dense layers begin.
        near = keras.initializers.RandomNormal(stddev=1e-2)
        self.normals = self.add_weight((size, self.units), "glorot_uniform", name="normals")
        self.points = self.add_weight((self.units, size), near, name="points")
        self.beside = None
        if input_shape[-1] > size:
            shape = (input_shape[-1] - size, self.units)
            self.beside = self.add_weight(shape, "glorot_uniform", name="beside")
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        """Return the distances `(batch, units)` of points `(batch, d)`."""
        size, c = self.normals.shape[0], self.curvature
        z, a = inputs[:, :size], ops.convert_to_tensor(self.normals)
        weights = ops.convert_to_tensor(self.points)
        p = poincare_ball.exp_map(ops.zeros_like(weights), weights, c)
        length = ops.sqrt(ops.sum(ops.square(a), axis=0) + 1e-20)
        room_of_z = ops.maximum(1.0 - c * ops.sum(ops.square(z), axis=1, keepdims=True), 1e-6)
        room_of_p = 1.0 - c * ops.sum(ops.square(p), axis=1)
        offset = ops.sum(ops.transpose(p) * a, axis=0)
        # |z - p|^2, and <-p + z, a> / (1 - c |-p + z|^2) by the identity of `poincare_ball`.
        apart = ops.sum(ops.square(z), axis=1, keepdims=True) + ops.sum(ops.square(p), axis=1)
        apart = ops.maximum(apart - 2.0 * ops.matmul(z, ops.transpose(p)), 0.0)
        ratio = (ops.matmul(z, a) - offset - c * apart * offset / room_of_p) / room_of_z
        root = math.sqrt(c)
        distances = 2.0 * length / root * poincare_ball.arcsinh(2.0 * root * ratio / length)
        if self.beside is None:
            return distances
        return distances + ops.matmul(inputs[:, size:], ops.convert_to_tensor(self.beside))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return `(batch, units)`."""
        return (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"units": self.units, "curvature": self.curvature, "ball_dim": self.ball_dim}
        return {**super().get_config(), **own}
