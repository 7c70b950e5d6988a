"""Vector quantization with a codebook that follows the encoder."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.bottlenecks.bottleneck import Bottleneck
from keras_ae.bottlenecks.quantizers.codebook import Codebook
from keras_ae.parts import checked_size
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class VectorQuantizer(Bottleneck):
    """Each vector of the features becomes its nearest code: z_q = e_k, k = argmin |z_e - e_k|.

    Features whose last axis is not `code_dim` are projected to it first; a flat feature vector
    is projected to `tokens` vectors. The gradient of `latent` passes straight to the features.

    Args:
        num_codes: Size of the codebook K, at least 2.
        code_dim: Length of a code, at least 1.
        decay: gamma of the codebook's moving averages, in [0, 1).
        dead_code_threshold: Codes used less than this share of the mean use are put onto a random
            vector of the batch; 0 never does.
        tokens: Number of code vectors when the features are a flat vector.

    Reference:
        van den Oord et al. (2017), https://arxiv.org/abs/1711.00937, equations 1-2, appendix A.1.

    Example:
        >>> import numpy as np
        >>> outputs = VectorQuantizer(8, 2)(np.ones((3, 4, 2), "float32"))
        >>> outputs["indices"].shape == (3, 4)
        True
    """

    reports = ("pre_quantized", "quantized", "indices")

    def __init__(
        self,
        num_codes: int,
        code_dim: int,
        *,
        decay: float = 0.99,
        dead_code_threshold: float = 0.1,
        tokens: int = 16,
    ) -> None:
        super().__init__()
        num_codes, code_dim = (
            checked_size("num_codes", num_codes),
            checked_size("code_dim", code_dim),
        )
        if num_codes < 2:
            raise ValueError(f"`num_codes` must be at least 2. Received: num_codes={num_codes}")
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"`decay` must be in [0, 1). Received: decay={decay}")
        if not 0.0 <= dead_code_threshold < 1.0:
            raise ValueError(
                "`dead_code_threshold` must be a share in [0, 1). "
                f"Received: dead_code_threshold={dead_code_threshold}"
            )
        self.num_codes = num_codes
        self.code_dim = code_dim
        self.tokens = checked_size("tokens", tokens)
        self.table = Codebook(
            num_codes, code_dim, decay=decay, dead_code_threshold=dead_code_threshold
        )
        self.projection: keras.layers.Dense | None = None

    def build(self, h_shape: Any) -> None:
        """Make the codebook, and a projection where the features need one."""
        is_vector = len(h_shape) == 2
        places = (self.tokens,) if is_vector else tuple(h_shape[1:-1])
        self.latent_shape = (*places, self.code_dim)
        width = self.tokens * self.code_dim if is_vector else self.code_dim
        if is_vector or h_shape[-1] != self.code_dim:
            self.projection = keras.layers.Dense(width, name="to_code", dtype="float32")
            self.projection.build(h_shape)
        self.table.build()
        self.built = True

    @property
    def codebook(self) -> Tensor:
        """The codes, `(num_codes, code_dim)`, float32."""
        return self.table.vectors

    @property
    def code_sums(self) -> Any:
        """Moving averages of the sums of assigned vectors, `(num_codes, code_dim)`."""
        return self.table.sums

    @property
    def code_counts(self) -> Any:
        """Moving averages of the numbers of assigned vectors, `(num_codes,)`."""
        return self.table.counts

    def call(self, h: Tensor, training: bool = False, sample: bool = False) -> Outputs:
        """Return `latent`, `pre_quantized`, `quantized` `(batch, *latent_shape)` and `indices`.

        In training the codebook moves after this batch was quantized: `quantized` holds the codes
        from before the move.
        """
        points = self.project(h)
        flat = ops.stop_gradient(ops.reshape(points, (-1, self.code_dim)))
        indices = self.table.nearest(flat)
        quantized = ops.reshape(self.table.lookup(indices), ops.shape(points))
        if training:
            self.table.follow(flat, indices)
        return {
            # The forward value is the code to the last bit; the gradient is that of `points`.
            "latent": quantized + (points - ops.stop_gradient(points)),
            "pre_quantized": points,
            "quantized": quantized,
            "indices": ops.reshape(indices, ops.shape(points)[:-1]),
        }

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the codes of these numbers `(batch, *latent_shape[:-1])`, `(..., code_dim)`."""
        return self.table.lookup(indices)

    def project(self, h: Tensor) -> Tensor:
        """Return the features as vectors to quantize, `(batch, *latent_shape)`, float32."""
        h = ops.cast(h, "float32")
        if self.projection is not None:
            h = self.projection(h)
        return ops.reshape(h, (-1, *self.latent_shape))

    def adapt(self, vectors: Any, seed: int = 0) -> None:
        """Start the codebook at the k-means centres of `vectors`, `(..., code_dim)`."""
        if not self.built:
            self.build((None, 1, self.code_dim))
        self.table.start_at(np.reshape(np.asarray(vectors), (-1, self.code_dim)), seed)
