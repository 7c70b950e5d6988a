"""The Gaussian posterior of groups of examples that have something in common."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from keras_ae.bottlenecks.gaussian import Gaussian
from keras_ae.distributions import diagonal_gaussian
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class GroupedGaussian(Gaussian):
    """q(z | x) = N(mean, diag exp(log_var)), in some coordinates one for all members of a group.

    Where rows come as groups, the posteriors of the shared coordinates become one: with the mean of
    the means and of the variances ("mean"), or in proportion to the product of the densities
    ("product": precisions are added). Without groups it is the plain posterior.

    Args:
        latent_dim: Length of the code.
        shared: How many coordinates, the first ones, are shared. None finds them in each pair:
            those whose divergence KL(q(z_i | x_1) || q(z_i | x_2)) is below the middle between the
            pair's largest and smallest.
        pooling: "mean" or "product".
        once: Whether the shared coordinates of a group are one draw, whose rate counts once for
            the group; else each member draws, and counts, its own.

    Reference:
        Locatello et al. (2020), https://arxiv.org/abs/2002.02886, section 3.2, equations 5 and 6,
        for pairs; Bouchacourt et al. (2018), https://arxiv.org/abs/1705.08841, equations 4 and 6,
        for products.

    Example:
        >>> GroupedGaussian(4, shared=2).reports
        ('mean', 'log_var')
    """

    def __init__(
        self,
        latent_dim: int,
        shared: int | None = None,
        pooling: Literal["mean", "product"] = "mean",
        once: bool = False,
    ) -> None:
        super().__init__(latent_dim)
        if shared is not None and not 0 < shared <= latent_dim:
            raise ValueError(
                f"`shared` must be None or from 1 to {latent_dim} coordinates. "
                f"Received: shared={shared}"
            )
        if pooling not in ("mean", "product"):
            raise ValueError(f"`pooling` must be 'mean' or 'product'. Received: {pooling!r}")
        self.shared, self.pooling, self.once = shared, pooling, once

    def refine(self, model: Any, batch: Batch, outputs: Outputs, training: bool = False) -> Outputs:
        """Return posteriors and draws of groups with what their members share."""
        if batch.grouped is None:
            return outputs
        shape = (-1, model.group_size, *self.latent_shape)
        mean, log_var, z = (
            ops.reshape(ops.cast(outputs[key], "float32"), shape)
            for key in ("mean", "log_var", "latent")
        )
        noise = ops.stop_gradient((z - mean) * ops.exp(-0.5 * log_var))
        shared = self._shared(mean, log_var)
        pooled_mean, pooled_log_var = self._pooled(mean, log_var)
        mean = ops.where(shared, pooled_mean, mean)
        log_var = ops.where(shared, pooled_log_var, log_var)
        if self.once:
            noise = ops.where(shared, noise[:, :1], noise)
        share = ops.where(shared, 1.0 / model.group_size if self.once else 1.0, 1.0)
        found = {
            "mean": mean,
            "log_var": log_var,
            "latent": diagonal_gaussian.sample(mean, log_var, noise),
            "rate_share": share * ops.ones_like(mean),
        }
        flat = (-1, *self.latent_shape)
        return {**outputs, **{key: ops.reshape(value, flat) for key, value in found.items()}}

    def kl(self, outputs: Outputs, prior: Any) -> Tensor:
        """Return a member's share of the divergence of each coordinate, `(batch, latent_dim)`."""
        divergence = super().kl(outputs, prior)
        return divergence * outputs["rate_share"] if "rate_share" in outputs else divergence

    def _shared(self, mean: Tensor, log_var: Tensor) -> Tensor:
        """Return which coordinates are shared, of posteriors `(groups, members, latent_dim)`."""
        if self.shared is not None:
            return ops.arange(self.latent_shape[0]) < self.shared
        divergence = diagonal_gaussian.kl(mean[:, 0], log_var[:, 0], mean[:, 1], log_var[:, 1])
        least, most = (of(divergence, axis=-1, keepdims=True) for of in (ops.min, ops.max))
        return (divergence < 0.5 * (least + most))[:, None, :]

    def _pooled(self, mean: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the members together, `(groups, 1, latent_dim)`."""
        if self.pooling == "mean":
            variance = ops.mean(ops.exp(log_var), axis=1, keepdims=True)
            return ops.mean(mean, axis=1, keepdims=True), ops.log(variance)
        log_precision = ops.logsumexp(-log_var, axis=1, keepdims=True)
        shares = ops.exp(-log_var - log_precision)
        return ops.sum(shares * mean, axis=1, keepdims=True), -log_precision
