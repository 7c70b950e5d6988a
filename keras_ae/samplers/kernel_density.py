"""A normal around each code."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.distributions.noise import Draws
from keras_ae.parts import checked_positive, checked_size
from keras_ae.samplers.covariance import root
from keras_ae.samplers.sampler import Sampler
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.samplers")
class KernelDensity(Sampler):
    """A code of the data drawn evenly, moved by a normal with the codes' own covariance, scaled.

    Args:
        bandwidth: The scale in units of the codes' standard deviations; Scott's n^(-1 / (d + 4))
            when None.
        rows: Codes that are kept at most.

    Reference:
        Scott (1992), "Multivariate density estimation", section 6.3; `scipy.stats.gaussian_kde`.

    Example:
        >>> KernelDensity(0.1).bandwidth
        0.1
    """

    def __init__(self, bandwidth: float | None = None, rows: int = 10_000) -> None:
        super().__init__()
        self.bandwidth = None if bandwidth is None else checked_positive("bandwidth", bandwidth)
        self.rows = checked_size("rows", rows)

    def fit_codes(self, model: Any, x: Any, codes: np.ndarray, *, labels: Any, seed: int) -> None:
        """Keep codes and the Cholesky factor of the kernel's covariance."""
        flat = np.asarray(codes, "float64").reshape(len(codes), -1)
        chosen = np.random.default_rng(seed).permutation(len(flat))[: self.rows]
        size = flat.shape[1]
        scott = len(chosen) ** (-1.0 / (size + 4))
        scale = scott if self.bandwidth is None else self.bandwidth
        covariance = np.zeros((size, size))
        if len(flat) > 1:
            covariance = np.cov(flat, rowvar=False).reshape(size, size)
        self.keep(codes=flat[chosen], factor=scale * root(covariance))

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return codes drawn evenly, each moved by a draw of the kernel."""
        kept = self.kept
        row = noise.integers((shape[0],), kept["codes"].shape[0], training)
        code = ops.take(ops.convert_to_tensor(kept["codes"]), row, axis=0)
        epsilon = noise.normal((shape[0], code.shape[-1]), training=training)
        moved = ops.matmul(epsilon, ops.transpose(ops.convert_to_tensor(kept["factor"])))
        return ops.reshape(code + moved, shape)
