"""Vector quantization: the nearest code of a codebook."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args

import keras
from keras import ops

from keras_ae.bottlenecks.quantizers.codebook import AveragedCodebook, Codebook, LearnedCodebook
from keras_ae.bottlenecks.quantizers.estimators import ESTIMATORS
from keras_ae.bottlenecks.quantizers.nearest import nearest
from keras_ae.bottlenecks.quantizers.quantizer import Codes, Quantizer, squared_distance, taken
from keras_ae.parts import checked_non_negative, checked_size
from keras_ae.typing import Tensor

Distance = Literal["euclidean", "cosine"]
Update = Literal["moving_average", "loss"]
Estimator = Literal["straight_through", "rotation"]
LEAST_SQUARE = 1e-12


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class VectorQuantizer(Quantizer):
    """Each vector becomes its nearest code: z_q = e_k, k = argmin |z_e - e_k|.

    The loss of a vector is commitment * |z_e - sg(e)|^2 and, where gradients move the codebook,
    |sg(z_e) - e|^2.

    Args:
        num_codes: Size of the codebook K, at least 2.
        code_dim: Length of a code, at least 1.
        distance: "euclidean", or "cosine": vectors and codes of length one.
        update: What moves the codebook: "moving_average" of the vectors assigned to a code, or
            "loss", the optimizer.
        estimator: What gradient passes to the vectors: "straight_through", that of the codes, or
            "rotation", turned and stretched with each vector.
        commitment: beta, not negative.
        decay: gamma of the moving averages, in [0, 1).
        dead_code_threshold: Codes used less than this share of the mean use are put onto a random
            vector of the batch; 0 never does.
        heads: In how many parts of one length a vector is cut, which share the codebook.
        tokens: Number of code vectors when the features are a flat vector.

    Reference:
        van den Oord et al. (2017), https://arxiv.org/abs/1711.00937, equations 1-3, appendix A.1;
        Yu et al. (2022), https://arxiv.org/abs/2110.04627, section 3.2, for the cosine; Fifty et
        al. (2024), https://arxiv.org/abs/2410.06424, for the rotation.

    Example:
        >>> import numpy as np
        >>> outputs = VectorQuantizer(8, 2)(np.ones((3, 4, 2), "float32"))
        >>> outputs["indices"].shape == (3, 4)
        True
    """

    kinds: Mapping[str, type[Codebook]] = MappingProxyType(
        {"moving_average": AveragedCodebook, "loss": LearnedCodebook}
    )
    """The codebook of each update."""

    def __init__(
        self,
        num_codes: int,
        code_dim: int,
        *,
        distance: Distance = "euclidean",
        update: Update = "moving_average",
        estimator: Estimator = "straight_through",
        commitment: float = 0.25,
        decay: float = 0.99,
        dead_code_threshold: float = 0.03,
        heads: int = 1,
        tokens: int = 16,
    ) -> None:
        super().__init__(tokens)
        checked_codebook(num_codes, decay, dead_code_threshold)
        self.code_dim, self.heads = checked_size("code_dim", code_dim), checked_size("heads", heads)
        if code_dim % heads:
            raise ValueError(
                "`code_dim` must be a multiple of `heads`. "
                f"Received: code_dim={code_dim}, heads={heads}"
            )
        for name, value, known in (
            ("distance", distance, get_args(Distance)),
            ("update", update, get_args(Update)),
            ("estimator", estimator, get_args(Estimator)),
        ):
            if value not in known:
                raise ValueError(f"`{name}` must be one of {known}. Received: {name}={value!r}")
        self.sizes = (num_codes,) * heads
        self.head_dim, self.distance = code_dim // heads, distance
        self.estimator, self.commitment = estimator, checked_non_negative("commitment", commitment)
        self.table = self.kinds[update](
            num_codes, self.head_dim, decay=decay, dead_code_threshold=dead_code_threshold
        )

    def build_codes(self) -> None:
        """Make the codebook."""
        self.table.build()

    @property
    def codebook(self) -> Tensor:
        """The codes, `(num_codes, code_dim / heads)`, float32."""
        return self._compared(self.table.vectors)

    def start(self, vectors: Tensor, seed: int = 0) -> None:
        """Start the codebook at the k-means centres of vectors."""
        points = self._compared(ops.reshape(vectors, (-1, self.head_dim)))
        self.table.start_at(ops.convert_to_numpy(points), seed)

    def codes_of(
        self,
        vectors: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        sample: bool = False,
    ) -> Codes:
        """Return the nearest codes of vectors `(batch, ..., code_dim)`."""
        shape = ops.shape(vectors)
        points = self._compared(ops.reshape(vectors, (*shape[:-1], self.heads, self.head_dim)))
        codebook = self.codebook
        flat = ops.stop_gradient(ops.reshape(points, (-1, self.head_dim)))
        indices = self.nearest(flat, codebook)
        codes = ops.reshape(ops.take(codebook, indices, axis=0), ops.shape(points))
        loss = self.commitment * squared_distance(points, ops.stop_gradient(codes))
        if self.table.learns:
            loss = loss + squared_distance(ops.stop_gradient(points), codes)
        if training:
            if mask is not None:
                mask = ops.reshape(ops.repeat(mask[..., None], self.heads, axis=-1), (-1,))
            self.table.follow(flat, indices, mask)
        joined = ESTIMATORS[self.estimator](points, codes)
        return Codes(
            vectors=ops.reshape(points, shape),
            codes=ops.reshape(joined, shape),
            indices=self._of_levels(indices, shape),
            loss=ops.sum(loss, axis=-1),
            errors=ops.stop_gradient(ops.sum(squared_distance(points, codes), axis=-1)[..., None]),
        )

    def nearest(self, points: Tensor, codebook: Tensor) -> Tensor:
        """Return the numbers of the codes of points `(n, code_dim / heads)`, int32 `(n,)`."""
        return nearest(points, codebook)

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the codes of these numbers, `(batch, ..., code_dim)`."""
        codes = taken(self.codebook, indices)
        if self.heads == 1:
            return codes
        return ops.reshape(codes, (*ops.shape(codes)[:-2], self.code_dim))

    def _of_levels(self, indices: Tensor, shape: Any) -> Tensor:
        levels = () if self.heads == 1 else (self.heads,)
        return ops.reshape(indices, (*shape[:-1], *levels))

    def _compared(self, vectors: Tensor) -> Tensor:
        return unit(vectors) if self.distance == "cosine" else vectors


def unit(vectors: Tensor) -> Tensor:
    """Return vectors of length one along the last axis; one of no length stays at 0."""
    squares = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    return vectors * ops.rsqrt(ops.maximum(squares, LEAST_SQUARE))


def checked_codebook(num_codes: int, decay: float, dead_code_threshold: float) -> None:
    """Refuse what no codebook can be.

    Raises:
        ValueError: There are fewer than two codes, or a share is not in [0, 1).
    """
    if checked_size("num_codes", num_codes) < 2:
        raise ValueError(f"`num_codes` must be at least 2. Received: num_codes={num_codes}")
    if not 0.0 <= decay < 1.0:
        raise ValueError(f"`decay` must be in [0, 1). Received: decay={decay}")
    if not 0.0 <= dead_code_threshold < 1.0:
        raise ValueError(
            "`dead_code_threshold` must be a share in [0, 1). "
            f"Received: dead_code_threshold={dead_code_threshold}"
        )
