"""A mixture of normals, fitted to the codes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.distributions import gumbel
from keras_ae.distributions.noise import Draws
from keras_ae.parts import checked_size
from keras_ae.samplers.covariance import ridge_of, root
from keras_ae.samplers.sampler import Sampler
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.samplers")
class GaussianMixture(Sampler):
    """Normals with full covariances, fitted to the codes by expectation-maximisation.

    Args:
        components: Number of normals; fewer where there are fewer different codes.

    Reference:
        Ghosh et al. (2020), https://arxiv.org/abs/1903.12436, section 4: ex-post density
        estimation; `sklearn.mixture.GaussianMixture` fits it.

    Example:
        >>> GaussianMixture(10).components
        10
    """

    def __init__(self, components: int = 10) -> None:
        super().__init__()
        self.components = checked_size("components", components)

    def fit_codes(self, model: Any, x: Any, codes: np.ndarray, *, labels: Any, seed: int) -> None:
        """Keep log-weights, means and Cholesky factors of the covariances."""
        log_weights, means, factors = fitted(codes, self.components, seed)
        self.keep(log_weights=log_weights, means=means, factors=factors)

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return draws from normals drawn by their weights."""
        kept = self.kept
        log_weights = ops.convert_to_tensor(kept["log_weights"])
        uniform = noise.uniform((shape[0], log_weights.shape[0]), training=training)
        chosen = ops.cast(gumbel.category(log_weights, uniform), "int32")
        return drawn(shape, chosen, kept["means"], kept["factors"], noise, training)


def fitted(
    codes: np.ndarray, components: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log-weights `(components,)`, means and Cholesky factors of a fitted mixture."""
    from sklearn.mixture import GaussianMixture as Mixture

    flat = np.asarray(codes, "float64").reshape(len(codes), -1)
    number = min(components, len(np.unique(flat, axis=0)))
    if number == 1:  # known without a search, from one row too
        covariance = np.cov(flat.T, bias=True).reshape(1, flat.shape[1], flat.shape[1])
        return np.zeros(1), flat.mean(axis=0, keepdims=True), root(covariance)
    ridge = ridge_of(flat.var(axis=0))
    mixture = Mixture(number, reg_covar=ridge, max_iter=500, random_state=seed).fit(flat)
    factors = np.linalg.cholesky(mixture.covariances_)
    return np.log(np.maximum(mixture.weights_, 1e-30)), mixture.means_, factors


def drawn(
    shape: Any, chosen: Tensor, means: Any, factors: Any, noise: Draws, training: bool
) -> Tensor:
    """Return mean + L epsilon of the chosen components, of the given shape."""
    mean = ops.take(ops.convert_to_tensor(means), chosen, axis=0)
    factor = ops.take(ops.convert_to_tensor(factors), chosen, axis=0)
    epsilon = noise.normal((shape[0], mean.shape[-1], 1), training=training)
    return ops.reshape(mean + ops.matmul(factor, epsilon)[..., 0], shape)
