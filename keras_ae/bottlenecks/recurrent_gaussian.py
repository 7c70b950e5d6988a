"""A normal posterior of each step of a sequence, given the draws of the steps before."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import keras
from keras import ops

from keras_ae.backend.scan import scan
from keras_ae.bottlenecks.diagonal_gaussian import DiagonalGaussian, bounded
from keras_ae.bottlenecks.posterior import head
from keras_ae.parts import checked_size
from keras_ae.typing import Outputs, Tensor


class Given(NamedTuple):
    """What a step is told beside its state, `(..., size)` each.

    Args:
        features: What the encoder makes of the step's data.
        condition: The row's condition, of no entries where there is none.
        present: 1 where the step is there, 0 where it is not, `(..., 1)`.
    """

    features: Tensor
    condition: Tensor
    present: Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class RecurrentGaussian(DiagonalGaussian):
    """q(z_1..T | x_1..T) = prod_t N(z_t; mean, diag exp(log_var)), given x_1..t and z_1..t-1.

    Each step has a prior of its own, p(z_t | h_t-1), from a state h_t = f(x_t, z_t, h_t-1) that
    remembers data and draws. The code is what is new in a step, u_t = (z_t - prior mean) / prior
    deviation, so that its prior is a standard normal, and the divergence of its posterior is that
    of z_t's. A step that is not there leaves the state as it is, and its posterior is its prior.

    Args:
        latent_dim: Length of a step's code.
        units: Length of the state.
        hidden: Width of the layers that embed z_t, and before prior and posterior.
        cell: f, "lstm" or "gru".
        condition_size: Numbers of the features, the last but one, that are a condition; the last
            one says whether the step is there.

    Reference:
        Chung et al. (2015), https://arxiv.org/abs/1506.02216, equations 5, 7 and 9.

    Example:
        >>> import numpy as np
        >>> features = np.ones((3, 4, 5), "float32")
        >>> RecurrentGaussian(2, units=6)(features)["latent"].shape == (3, 4, 2)
        True
    """

    reports = ("features", "mean", "log_var", "z", "memory")
    has_paths = False
    ancestral = True

    def __init__(
        self,
        latent_dim: int,
        units: int = 64,
        hidden: int = 64,
        cell: Literal["lstm", "gru"] = "lstm",
        condition_size: int = 0,
    ) -> None:
        super().__init__(each=True)
        self.latent_dim, self.units = checked_size("latent_dim", latent_dim), units
        self.condition_size = condition_size
        if cell not in ("lstm", "gru"):
            raise ValueError(f"`cell` must be 'lstm' or 'gru'. Received: cell={cell!r}")
        of = keras.layers.LSTMCell if cell == "lstm" else keras.layers.GRUCell
        self.cell = of(checked_size("units", units), name="cell", dtype="float32")
        width = checked_size("hidden", hidden)
        self.embedding = head(width, "embedding", activation="relu")
        self.prior_hidden = head(width, "prior_hidden", activation="relu")
        self.prior_head = head(2 * latent_dim, "prior")
        self.posterior_hidden = head(width, "posterior_hidden", activation="relu")
        self.posterior_head = head(2 * latent_dim, "posterior")

    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights, of features `(None, time, width + condition_size + 1)`."""
        _, steps, width = flat_shape
        self.latent_shape = (steps, self.latent_dim)
        width -= self.condition_size + 1
        hidden, told = self.embedding.units, self.units + self.condition_size
        self.embedding.build((None, self.latent_dim))
        self.prior_hidden.build((None, told))
        self.posterior_hidden.build((None, width + told))
        for layer in (self.prior_head, self.posterior_head):
            layer.build((None, hidden))
        self.cell.build((None, width + hidden))

    def parameters_of(self, features: Tensor) -> Outputs:
        """Return the `features` of all steps, from which parameters follow step by step."""
        return {"features": ops.cast(features, "float32")}

    def code(self, parameters: Outputs) -> Outputs:
        """Return the means of the steps, each given the means before."""
        steps = parameters["features"][..., :1]
        return self._run(parameters, ops.zeros_like(steps) * ops.zeros((self.latent_dim,)))

    def draw(self, parameters: Outputs, training: bool = False) -> Outputs:
        """Return a draw of each step given those before, and its parameters.

        `latent`, `mean` and `log_var` are those of u, `z` is the draw itself, each
        `(batch, time, latent_dim)`; `memory` is h_t-1, `(batch, time, units)`.
        """
        shape = (ops.shape(parameters["features"])[0], *self.latent_shape)
        return self._run(parameters, self.noise.normal(shape, "float32", training))

    def _run(self, parameters: Outputs, noise: Tensor) -> Outputs:
        given = self.told(parameters["features"])

        def step(state: Any, now: tuple[Given, Tensor]) -> tuple[Any, Outputs]:
            given, epsilon = now
            prior_mean, prior_log_var = self.prior(state, given.condition)
            mean, log_var = self._posterior(state, given)
            deviation = ops.exp(0.5 * prior_log_var)
            # Of u; where the step is not there a standard normal.
            mean = given.present * (mean - prior_mean) / deviation
            log_var = given.present * (log_var - prior_log_var)
            u = mean + ops.exp(0.5 * log_var) * epsilon
            z = prior_mean + deviation * u
            found = {"latent": u, "mean": mean, "log_var": log_var, "z": z, "memory": state[0]}
            return self.advance(state, given, z), found

        found: Outputs = scan(step, self.first_state(noise), (given, noise))
        return found

    # What a decoder needs that goes on by itself.

    def told(self, features: Tensor) -> Given:
        """Return the parts of features `(..., width + condition_size + 1)`."""
        end = features.shape[-1] - 1
        start = end - self.condition_size
        return Given(features[..., :start], features[..., start:end], features[..., end:])

    def first_state(self, codes: Tensor) -> Any:
        """Return the state before the first step of codes `(batch, ...)`: zeros."""
        rows = ops.shape(codes)[0]
        return [ops.zeros((rows, size), "float32") for size in _sizes(self.cell)]

    def prior(self, state: Any, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of p(z_t | h_t-1), `(batch, latent_dim)` each."""
        h = self.prior_hidden(ops.concatenate([state[0], condition], axis=-1))
        mean, log_var = ops.split(self.prior_head(h), 2, axis=-1)
        return mean, bounded(log_var)

    def _posterior(self, state: Any, given: Given) -> tuple[Tensor, Tensor]:
        joined = ops.concatenate([given.features, state[0], given.condition], axis=-1)
        mean, log_var = ops.split(self.posterior_head(self.posterior_hidden(joined)), 2, axis=-1)
        return mean, bounded(log_var)

    def advance(self, state: Any, given: Given, z: Tensor) -> Any:
        """Return the state after a step: f(x_t, z_t, h_t-1), or the same if it is not there."""
        joined = ops.concatenate([given.features, self.embedding(z)], axis=-1)
        _, after = self.cell(joined, state)
        there = given.present > 0
        return [ops.where(there, new, old) for new, old in zip(after, state, strict=True)]


def _sizes(cell: Any) -> list[int]:
    size = cell.state_size
    return list(size) if isinstance(size, (list, tuple)) else [size]
