"""An importance-weighted autoencoder in NumPy: its log-weights, bounds and estimators.

The networks have one tanh layer at most, the posterior is normal with independent coordinates and
p(x | z) is N(decoded, I). Weights are float64 arrays by the places of the model's variables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops
from scipy import special, stats

Values = dict[int, np.ndarray]


class Oracle:
    """The log-weights of given noise, from the weights of a model.

    Args:
        model: Whose weights, and their places, are taken.
        x: `(rows, width)`.
        epsilon: `(rows, M, K, latent_dim)`.
    """

    def __init__(self, model: Any, x: np.ndarray, epsilon: np.ndarray) -> None:
        self.model, self.x, self.epsilon = model, x.astype("f8"), epsilon.astype("f8")
        self.places = {id(v): place for place, v in enumerate(model.trainable_variables)}
        self.values: Values = {
            place: ops.convert_to_numpy(v).astype("f8")
            for place, v in enumerate(model.trainable_variables)
        }
        inner = [*model.encoder.variables, *model.bottleneck.trainable_variables]
        self.of_encoder = {self.places[id(v)] for v in inner}
        self.of_decoder = set(self.values) - self.of_encoder

    def of(self, variable: Any, values: Values) -> np.ndarray:
        """Return the array that stands for a variable."""
        return values[self.places[id(variable)]]

    def dense(self, layer: Any, values: Values, h: np.ndarray) -> np.ndarray:
        """Return h kernel + bias."""
        return h @ self.of(layer.kernel, values) + self.of(layer.bias, values)

    def network(self, net: Any, values: Values, h: np.ndarray) -> np.ndarray:
        """Return what dense layers make of h, with tanh after all but one named "output"."""
        for layer in net.layers:
            if isinstance(layer, keras.layers.Dense):
                h = self.dense(layer, values, h)
                h = h if layer.name == "output" else np.tanh(h)
        return h

    def posterior(self, values: Values, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation."""
        h = self.network(self.model.encoder, values, x)
        mean, log_var = (
            self.dense(layer, values, h)
            for layer in (self.model.bottleneck.mean_head, self.model.bottleneck.log_var_head)
        )
        return mean, np.exp(log_var / 2)

    def draws(self, values: Values) -> np.ndarray:
        """Return mean + deviation * noise, `(rows, M, K, latent_dim)`."""
        mean, deviation = self.posterior(values, self.x)
        return mean[:, None, None] + deviation[:, None, None] * self.epsilon

    def log_posterior(self, z: np.ndarray, values: Values) -> np.ndarray:
        """Return log q(z | x), `(rows, M, K)`."""
        mean, deviation = (a[:, None, None] for a in self.posterior(values, self.x))
        return stats.norm.logpdf(z, mean, deviation).sum(-1)

    def log_likelihood(self, z: np.ndarray, values: Values) -> np.ndarray:
        """Return log N(x; decoded, I), `(rows, M, K)`."""
        decoded = self.network(self.model.decoder, values, z)
        return stats.norm.logpdf(self.x[:, None, None], decoded).sum(-1)

    def log_prior(self, z: np.ndarray, values: Values) -> np.ndarray:
        """Return log p(z): of the standard normal, a mixture of normals or of posteriors."""
        prior = self.model.prior
        if hasattr(prior, "pseudo_inputs"):
            u = self.of(prior.pseudo_inputs.inputs, values)
            means, deviations = self.posterior(values, u)
            logits = np.zeros(len(u))
        elif hasattr(prior, "logits"):
            weights = (prior.logits, prior.means, prior.log_vars)
            logits, means, log_vars = (self.of(v, values) for v in weights)
            deviations = np.exp(log_vars / 2)
        else:
            return stats.norm.logpdf(z).sum(-1)
        each = stats.norm.logpdf(z[..., None, :], means, deviations).sum(-1)
        return special.logsumexp(each + special.log_softmax(logits), axis=-1)

    def log_weights(
        self, z: np.ndarray, values: Values, posterior: Values, prior: Values | None = None
    ) -> np.ndarray:
        """Return log p(x | z) + log p(z) - log q(z | x) of draws, `(rows, M, K)`.

        Args:
            z: Draws.
            values: Weights of p(x | z).
            posterior: Weights of q(z | x).
            prior: Weights of p(z); those of p(x | z) when None.
        """
        joint = self.log_likelihood(z, values) + self.log_prior(z, prior or values)
        return joint - self.log_posterior(z, posterior)

    def now(self) -> np.ndarray:
        """Return the log-weights at the model's own weights."""
        return self.log_weights(self.draws(self.values), self.values, self.values)

    def slopes(self, function: Callable[[Values], float], step: float = 1e-5) -> Values:
        """Return the derivatives of a function of all weights, by central differences."""
        found = {}
        for at, value in self.values.items():
            slope = np.zeros_like(value)
            for place in np.ndindex(*value.shape):
                ends = []
                for sign in (1.0, -1.0):
                    moved = value.copy()
                    moved[place] += sign * step
                    ends.append(function({**self.values, at: moved}))
                slope[place] = (ends[0] - ends[1]) / (2 * step)
            found[at] = slope
        return found

    def slopes_of_bound(self, bound: Callable[[np.ndarray], np.ndarray]) -> Values:
        """Return the derivatives of the mean of a negative bound at fixed noise."""
        return self.slopes(lambda v: -float(bound(self.log_weights(self.draws(v), v, v)).mean()))

    def slopes_of_shares(self, path: np.ndarray, direct: np.ndarray) -> Values:
        """Return -sum_mk (path d log w/dz dz/dphi + direct d log w/d(theta, lambda)), row mean.

        The density q(z | x) has no derivative of its own (no score); the model p(x | z) p(z) has,
        be it by the weights of its decoder or, in the prior, by those of the encoder.

        Args:
            path: Shares of draws in the gradient along their path, `(rows, M, K)`.
            direct: Shares in the gradient of log p(x, z) by its own weights.
        """
        here, z = self.values, self.draws(self.values)

        def along(v: Values) -> float:
            return -float((path * self.log_weights(self.draws(v), here, here)).sum((1, 2)).mean())

        def itself(v: Values) -> float:
            return -float((direct * self.log_weights(z, v, here)).sum((1, 2)).mean())

        paths, own = self.slopes(along), self.slopes(itself)
        return {key: paths[key] + own[key] for key in here}


class TwoLevelOracle(Oracle):
    """The same of a posterior q(z_2 | x) q(z_1 | x, z_2), whose code is z_1, then z_2."""

    def draws(self, values: Values) -> np.ndarray:
        """Return z_1 and z_2 by the noise of each."""
        size = self.model.bottleneck.lower_dim
        below, above = self.epsilon[..., :size], self.epsilon[..., size:]
        mean, deviation = self._above(values)
        upper = mean + deviation * above
        mean, deviation = self._below(values, upper)
        return np.concatenate([mean + deviation * below, upper], axis=-1)

    def log_posterior(self, z: np.ndarray, values: Values) -> np.ndarray:
        """Return log q(z_2 | x) + log q(z_1 | x, z_2)."""
        size = self.model.bottleneck.lower_dim
        lower, upper = z[..., :size], z[..., size:]
        found = stats.norm.logpdf(upper, *self._above(values)).sum(-1)
        return found + stats.norm.logpdf(lower, *self._below(values, upper)).sum(-1)

    def _above(self, values: Values) -> tuple[np.ndarray, np.ndarray]:
        code = self.model.bottleneck
        h = self.network(self.model.encoder, values, self.x)[:, None, None]
        mean = self.dense(code.upper_mean_head, values, h)
        return mean, np.exp(self.dense(code.upper_log_var_head, values, h) / 2)

    def _below(self, values: Values, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        code = self.model.bottleneck
        h = self.network(self.model.encoder, values, self.x)[:, None, None]
        h = np.broadcast_to(h, (*upper.shape[:-1], h.shape[-1]))
        joined = np.maximum(self.dense(code.join, values, np.concatenate([h, upper], -1)), 0)
        mean = self.dense(code.lower_mean_head, values, joined)
        return mean, np.exp(self.dense(code.lower_log_var_head, values, joined) / 2)


def softmax(a: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    return np.asarray(special.softmax(a, axis=axis))


def mean_log(log_w: np.ndarray) -> np.ndarray:
    """Return 1/M sum_m log 1/K sum_k w_mk, `(rows,)`."""
    return (special.logsumexp(log_w, axis=2) - np.log(log_w.shape[2])).mean(1)
