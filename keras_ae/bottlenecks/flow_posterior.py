"""A posterior that invertible maps bend away from a normal."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae import flows
from keras_ae.bottlenecks.diagonal_gaussian import bounded
from keras_ae.bottlenecks.posterior import Posterior, head
from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import sum_event
from keras_ae.parts import checked_size
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class FlowPosterior(Posterior):
    """q(z | x): z = f(z_0; context(h)) with z_0 ~ N(mean(h), diag exp(log_var(h))).

    Every map sees the encoder's context, so that the shape of the posterior follows from x.

    Args:
        latent_dim: Length of the code.
        flow: Name (of 4 steps), `{"name": ..., "depth": ..., **options}` or a `Flow`.
        context_dim: Length of the context that the maps are given; 0 for maps that are the same
            for all examples.

    Reference:
        Rezende and Mohamed (2015), https://arxiv.org/abs/1505.05770, equation 13; Kingma et al.
        (2016), https://arxiv.org/abs/1606.04934, algorithm 1, for the context.

    Example:
        >>> import numpy as np
        >>> outputs = FlowPosterior(2)(np.ones((3, 5), "float32"), sample=True)
        >>> outputs["log_posterior"].shape == (3,)
        True
    """

    reports = ("base_mean", "base_log_var", "context", "log_posterior")
    has_paths = False

    def __init__(
        self,
        latent_dim: int,
        flow: Any = "inverse_autoregressive",
        context_dim: int = 32,
    ) -> None:
        super().__init__()
        latent_dim = checked_size("latent_dim", latent_dim)
        self.latent_shape = (latent_dim,)
        self.flow = flows.get(flow, flows.DEPTH)
        self.context_dim = checked_size("context_dim", context_dim) if context_dim else 0
        self.mean_head = head(latent_dim, "base_mean")
        self.log_var_head = head(latent_dim, "base_log_var")
        # A context of no use is still a report, so that outputs have one form.
        self.context_head = head(max(1, self.context_dim), "context")

    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights of the heads and of the flow."""
        self.mean_head.build(flat_shape)
        self.log_var_head.build(flat_shape)
        self.context_head.build(flat_shape)
        context = (None, self.context_dim) if self.context_dim else None
        self.flow.build((None, *self.latent_shape), context)

    def parameters_of(self, features: Tensor) -> Outputs:
        """Return `base_mean`, `base_log_var` `(batch, latent_dim)` and `context`."""
        log_var = bounded(self.log_var_head(features))
        return {
            "base_mean": self.mean_head(features),
            "base_log_var": log_var,
            "context": self.context_head(features),
        }

    def code(self, parameters: Outputs) -> Outputs:
        """Return where the maps take the base's mean."""
        return self._moved(parameters, parameters["base_mean"])

    def draw(self, parameters: Outputs, training: bool = False) -> Outputs:
        """Return one draw for each row, and its log-density as `log_posterior`."""
        mean = parameters["base_mean"]
        epsilon = self.noise.normal(ops.shape(mean), "float32", training)
        start = diagonal_gaussian.sample(mean, parameters["base_log_var"], epsilon)
        return self._moved(parameters, start)

    def log_prob(self, outputs: Outputs) -> Tensor:
        """Return log q(z_0) - log|det|, as it was found with the draw, `(batch,)`, nats."""
        return outputs["log_posterior"]

    def _moved(self, parameters: Outputs, start: Tensor) -> Outputs:
        context = parameters["context"] if self.context_dim else None
        latent, log_det = self.flow.transform(start, context)
        base = diagonal_gaussian.log_prob(
            start, parameters["base_mean"], parameters["base_log_var"]
        )
        return {"latent": latent, "log_posterior": sum_event(base) - log_det}
