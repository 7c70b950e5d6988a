"""Quantization by a projection and a codebook that are drawn once: targets for other models."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.bottlenecks.quantizers.nearest import nearest
from keras_ae.bottlenecks.quantizers.quantizer import Codes, Quantizer, squared_distance, taken
from keras_ae.bottlenecks.quantizers.vector import checked_codebook, unit
from keras_ae.parts import checked_size
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class RandomProjectionQuantizer(Quantizer):
    """Each vector, scaled to mean 0 and variance 1, is projected, and becomes its nearest code.

    Projection and codes are drawn once, of length one, and are not trained; there is no loss, and
    no gradient: indices are labels for a model that predicts what it does not see.

    Args:
        num_codes: Number of codes, at least 2.
        code_dim: Length of a code, at least 1.
        input_dim: Length of a vector.
        tokens: Number of code vectors when the features are a flat vector.

    Reference:
        Chiu et al. (2022), https://arxiv.org/abs/2202.01855, equation 1 and section 3.1.

    Example:
        >>> import numpy as np
        >>> RandomProjectionQuantizer(64, 8, 20)(np.ones((2, 5, 20)))["indices"].shape == (2, 5)
        True
    """

    def __init__(self, num_codes: int, code_dim: int, input_dim: int, tokens: int = 16) -> None:
        super().__init__(tokens)
        checked_codebook(num_codes, 0.0, 0.0)
        self.code_dim, self.sizes = checked_size("code_dim", code_dim), (num_codes,)
        self.input_dim = checked_size("input_dim", input_dim)

    @property
    def width_of_vectors(self) -> int:
        """Length of what is projected."""
        return self.input_dim

    def build_codes(self) -> None:
        """Draw the projection and the codes."""
        fixed: dict[str, Any] = {"trainable": False, "dtype": "float32", "autocast": False}
        self.map = self.add_weight(
            name="map",
            shape=(self.width_of_vectors, self.code_dim),
            initializer="glorot_uniform",
            **fixed,
        )
        self.codes = self.add_weight(
            name="codes",
            shape=(self.sizes[0], self.code_dim),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            **fixed,
        )

    @property
    def codebook(self) -> Tensor:
        """The codes, `(num_codes, code_dim)`, of length one."""
        return unit(ops.convert_to_tensor(self.codes))

    def codes_of(
        self,
        vectors: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        sample: bool = False,
    ) -> Codes:
        """Return the nearest codes of vectors `(batch, ..., width)`, without a gradient."""
        vectors = ops.stop_gradient(vectors)
        mean = ops.mean(vectors, axis=-1, keepdims=True)
        spread = ops.sqrt(ops.mean(ops.square(vectors - mean), axis=-1, keepdims=True))
        scaled = (vectors - mean) / ops.maximum(spread, 1e-6)
        points = unit(ops.matmul(scaled, ops.convert_to_tensor(self.map)))
        shape = ops.shape(points)
        indices = nearest(ops.reshape(points, (-1, self.code_dim)), self.codebook)
        indices = ops.reshape(indices, shape[:-1])
        codes = self.lookup(indices)
        distance = squared_distance(points, codes)
        return Codes(points, codes, indices, ops.zeros_like(distance), distance[..., None])

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the codes of these numbers, `(batch, ..., code_dim)`."""
        return taken(self.codebook, indices)
