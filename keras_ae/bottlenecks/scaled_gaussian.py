"""A normal posterior whose codes have unit variance over the data."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.bottlenecks.gaussian import Gaussian
from keras_ae.typing import Outputs, Tensor

LEAST_SCALE = 1e-6


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class ScaledGaussian(Gaussian):
    """q(z | x) = N(z; (mean(h) - shift) / scale, diag exp(log_var(h)) / scale^2), at each place.

    Shift and scale, of each channel, are measured on codes of data, so that these have mean 0 and
    variance 1: what a model of codes wants. Measuring changes the codes' units and nothing else:
    the decoder is given them in its own.

    Args:
        latent_dim: Length of the code of a place.

    Reference:
        Rombach et al. (2022), https://arxiv.org/abs/2112.10752, appendix G: the latents' scale.

    Example:
        >>> import numpy as np
        >>> ScaledGaussian(2)(np.ones((3, 4, 4, 5), "float32"))["latent"].shape == (3, 4, 4, 2)
        True
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim, each=True)

    def build_heads(self, flat_shape: Any) -> None:
        """Make the heads, and shift and scale."""
        super().build_heads(flat_shape)
        fixed: dict[str, Any] = {"trainable": False, "dtype": "float32", "autocast": False}
        width = (self.latent_shape[-1],)
        self.shift = self.add_weight(name="shift", shape=width, initializer="zeros", **fixed)
        self.scale = self.add_weight(name="scale", shape=width, initializer="ones", **fixed)

    def parameters_of(self, features: Tensor) -> Outputs:
        """Return `mean` and `log_var`, each `(batch, ..., latent_dim)` float32."""
        found = super().parameters_of(features)
        shift, scale = map(ops.convert_to_tensor, (self.shift, self.scale))
        return {
            "mean": (found["mean"] - shift) / scale,
            "log_var": found["log_var"] - 2.0 * ops.log(scale),
        }

    def to_decoder(self, z: Tensor) -> Tensor:
        """Return codes in the decoder's units."""
        return z * ops.convert_to_tensor(self.scale) + ops.convert_to_tensor(self.shift)

    def measure(self, codes: np.ndarray) -> None:
        """Let codes `(rows, ..., latent_dim)`, in units so far, be of mean 0 and variance 1.

        The weights of heads stay as they are.
        """
        flat = np.asarray(codes, "float64").reshape(-1, self.latent_shape[-1])
        shift, scale = (ops.convert_to_numpy(v).astype("float64") for v in (self.shift, self.scale))
        self.shift.assign((shift + scale * flat.mean(0)).astype("float32"))
        deviation = np.maximum(flat.std(0), LEAST_SCALE)
        self.scale.assign((scale * deviation).astype("float32"))
