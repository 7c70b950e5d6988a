"""Vector quantization by one linear map of codes that stay as they are."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.bottlenecks.quantizers.codebook import LearnedCodebook
from keras_ae.bottlenecks.quantizers.vector import Estimator, VectorQuantizer
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class MappedCodebook(LearnedCodebook):
    """Codes C W: C is drawn once, and the optimizer moves the square matrix W, and so all codes.

    A code that nothing is assigned to moves with the others, so none is replaced.
    """

    def make(self, initializer: Any) -> None:
        """Make C, from N(0, 1 / code_dim), and W, the identity."""
        self.fixed = self.state("fixed", (self.num_codes, self.code_dim), initializer)
        square = (self.code_dim, self.code_dim)
        self.map = self.state("map", square, "identity", trainable=True)

    @property
    def vectors(self) -> Tensor:
        """The codes, `(num_codes, code_dim)`, float32, with a gradient."""
        return ops.matmul(self.fixed, ops.convert_to_tensor(self.map))

    def start_at(self, points: Any, seed: int = 0) -> None:
        """Let W give the codes the points' second moment."""
        points = np.reshape(np.asarray(points, "float64"), (-1, self.code_dim))
        second = points.T @ points / len(points)
        values, axes = np.linalg.eigh(second)
        root = axes * np.sqrt(np.maximum(values, 0.0) * self.code_dim)
        self.map.assign((root @ axes.T).astype("float32"))

    def replace(self, moved: Tensor | None, dead: Tensor, fresh: Tensor, mean: Tensor) -> None:
        """Do nothing."""


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class SimVectorQuantizer(VectorQuantizer):
    """Each vector becomes its nearest code, of a codebook C W of which only W is trained.

    One linear map moves all codes together, so that none is left behind unused. The loss of a
    vector is |sg(z_e) - e|^2 + commitment * |z_e - sg(e)|^2.

    Args:
        num_codes: Size of the codebook K, at least 2.
        code_dim: Length of a code, at least 1.
        commitment: beta, not negative.
        estimator: What gradient passes to the vectors: "straight_through" or "rotation".
        decay: gamma of the moving averages of use, in [0, 1).
        tokens: Number of code vectors when the features are a flat vector.

    Reference:
        Zhu et al. (2024), https://arxiv.org/abs/2411.02038, equations 6 and 7.

    Example:
        >>> SimVectorQuantizer(512, 8).num_codes
        512
    """

    kinds = MappingProxyType({"loss": MappedCodebook})

    def __init__(
        self,
        num_codes: int,
        code_dim: int,
        *,
        commitment: float = 0.25,
        estimator: Estimator = "straight_through",
        decay: float = 0.99,
        tokens: int = 16,
    ) -> None:
        super().__init__(
            num_codes,
            code_dim,
            update="loss",
            estimator=estimator,
            commitment=commitment,
            decay=decay,
            dead_code_threshold=0.0,
            tokens=tokens,
        )
