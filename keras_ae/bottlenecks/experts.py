"""Posteriors of examples with several modalities, of which some may be missing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.bottlenecks.diagonal_gaussian import DiagonalGaussian, bounded
from keras_ae.bottlenecks.posterior import Posterior, head
from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import sum_event
from keras_ae.parts import checked_claim, checked_size
from keras_ae.typing import Outputs, Tensor

ABSENT = -1e9
"""The logarithm that stands for a probability of 0."""


class Heads(keras.layers.Layer):
    """A normal distribution of the code from each modality's features.

    Args:
        latent_dim: Length of the code.
        widths: Numbers of each modality's features, which are followed by the presences.
    """

    def __init__(self, latent_dim: int, widths: Sequence[int]) -> None:
        super().__init__(name="experts", autocast=False)
        self.latent_dim, self.widths = latent_dim, tuple(widths)
        self.means = [head(latent_dim, f"mean_{i}") for i in range(len(widths))]
        self.log_vars = [head(latent_dim, f"log_var_{i}") for i in range(len(widths))]

    def build(self, flat_shape: Any) -> None:
        """Make the weights."""
        for heads in (self.means, self.log_vars):
            for layer, width in zip(heads, self.widths, strict=True):
                layer.build((None, width))
        self.built = True

    def call(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return means and log-variances, `(batch, modalities, latent_dim)`, and presences."""
        ends = np.cumsum(self.widths).tolist()
        parts = [features[:, a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        means = [layer(part) for layer, part in zip(self.means, parts, strict=True)]
        log_vars = [layer(part) for layer, part in zip(self.log_vars, parts, strict=True)]
        present = ops.cast(features[:, ends[-1] :], "float32")
        return ops.stack(means, axis=1), bounded(ops.stack(log_vars, axis=1)), present


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class ProductOfExperts(DiagonalGaussian):
    """q(z | x) in proportion to p(z) prod_m q(z | x_m) over the modalities that are there.

    All are normal, the prior's expert standard normal: precisions are added, and where nothing is
    there the posterior is the prior.

    Args:
        latent_dim: Length of the code.
        widths: Numbers of each modality's features; a presence for each stands behind them all.

    Reference:
        Wu and Goodman (2018), https://arxiv.org/abs/1802.05335, section 2.2.

    Example:
        >>> ProductOfExperts(2, [3, 4]).reports
        ('mean', 'log_var')
    """

    def __init__(self, latent_dim: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.latent_shape = (checked_size("latent_dim", latent_dim),)
        self.heads = Heads(latent_dim, widths)

    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights of all modalities' heads."""
        self.heads.build(flat_shape)

    def parameters_of(self, features: Tensor) -> Outputs:
        """Return `mean` and `log_var`, each `(batch, latent_dim)` float32."""
        mean, log_var, present = self.heads(features)
        precisions = present[:, :, None] * ops.exp(-log_var)
        precision = 1.0 + ops.sum(precisions, axis=1)
        return {
            "mean": ops.sum(precisions * mean, axis=1) / precision,
            "log_var": -ops.log(precision),
        }


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class MixtureOfExperts(Posterior):
    """q(z | x), an even mixture over the modalities that are there, or over all their subsets.

    A component is q(z | x_m), or with `products` in proportion to prod_m q(z | x_m) over a subset
    of the modalities. Where nothing is there the posterior is a standard normal. A draw takes one
    component, and its density is the mixture's.

    Args:
        latent_dim: Length of the code.
        widths: Numbers of each modality's features; a presence for each stands behind them all.
        products: Whether every subset has a component, and not only every modality.

    Reference:
        Shi et al. (2019), https://arxiv.org/abs/1911.03393, section 3.1, for modalities; Sutter et
        al. (2021), https://arxiv.org/abs/2105.02470, equation 5, for subsets. The latter bounds the
        divergence by the mean of the components'; this is its estimate by the mixture's density.

    Example:
        >>> MixtureOfExperts(2, [3, 4], products=True).members.shape
        (3, 2)
    """

    reports = ("component_means", "component_log_vars", "available")

    def __init__(self, latent_dim: int, widths: Sequence[int], products: bool = False) -> None:
        super().__init__()
        self.latent_shape = (checked_size("latent_dim", latent_dim),)
        self.heads, self.products = Heads(latent_dim, widths), checked_claim("products", products)
        self.members = subsets(len(widths), products)

    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights of all modalities' heads."""
        self.heads.build(flat_shape)

    def parameters_of(self, features: Tensor) -> Outputs:
        """Return means and log-variances of all components, and which are there, 1 or 0."""
        mean, log_var, present = self.heads(features)
        members = ops.convert_to_tensor(self.members)
        # A component is there if none of its members is missing.
        absent = ops.matmul(1.0 - present, ops.transpose(members))
        available = ops.cast(absent < 0.5, "float32")
        precisions = ops.exp(-log_var)
        precision = ops.einsum("cm,bmd->bcd", members, precisions)
        means = ops.einsum("cm,bmd->bcd", members, precisions * mean) / precision
        nothing = ops.sum(available, axis=1, keepdims=True)[:, :, None] < 0.5
        first = ops.one_hot(0, self.members.shape[0], dtype="float32")
        return {
            "component_means": ops.where(nothing, 0.0, means),
            "component_log_vars": ops.where(nothing, 0.0, -ops.log(precision)),
            "available": ops.where(nothing[:, :, 0], first, available),
        }

    def code(self, parameters: Outputs) -> Outputs:
        """Return the mixture's mean."""
        shares = _shares(parameters["available"])
        mean = ops.sum(shares[:, :, None] * parameters["component_means"], axis=1)
        return {"latent": mean}

    def draw(self, parameters: Outputs, training: bool = False) -> Outputs:
        """Return a draw of one of the components that are there, all equally likely."""
        means, log_vars = parameters["component_means"], parameters["component_log_vars"]
        ends = ops.cumsum(_shares(parameters["available"]), axis=1)
        uniform = self.noise.uniform((ops.shape(means)[0], 1), "float32", training)
        # The first component whose end lies behind the draw; the last end is 1 but for rounding.
        beyond = ops.cast(ends > ops.minimum(uniform, 1.0 - 1e-6), "float32")
        chosen = beyond - ops.concatenate([ops.zeros_like(beyond[:, :1]), beyond[:, :-1]], axis=1)
        mean, log_var = (ops.sum(chosen[:, :, None] * part, axis=1) for part in (means, log_vars))
        epsilon = self.noise.normal(ops.shape(mean), "float32", training)
        return {"latent": diagonal_gaussian.sample(mean, log_var, epsilon)}

    def log_prob(self, outputs: Outputs) -> Tensor:
        """Return the mixture's log-density at the draw, `(batch,)`, nats."""
        means, log_vars, available = (outputs[key] for key in self.reports)
        z = ops.cast(outputs["latent"], "float32")[:, None]
        each = ops.sum(diagonal_gaussian.log_prob(z, means, log_vars), axis=-1)
        each = ops.where(available > 0, each, ABSENT)
        return ops.logsumexp(each, axis=1) - ops.log(sum_event(available))


def subsets(modalities: int, products: bool) -> np.ndarray:
    """Return the members of every component, `(components, modalities)` of 1 and 0."""
    if not products:
        return np.eye(modalities, dtype="float32")
    every = itertools.product((0.0, 1.0), repeat=modalities)
    return np.array(sorted(filter(any, every), key=math.fsum), "float32")


def _shares(available: Tensor) -> Tensor:
    return available / ops.sum(available, axis=1, keepdims=True)
