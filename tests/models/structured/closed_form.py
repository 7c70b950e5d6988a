"""Linear models with normal noise in closed form, and integrals over few codes as sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from scipy import stats


def host(tensor: Any) -> np.ndarray:
    """Return a tensor as float64."""
    return np.asarray(ops.convert_to_numpy(tensor), "f8")


def rate(mean: Any, log_var: Any, prior_mean: Any = 0.0, prior_log_var: Any = 0.0) -> np.ndarray:
    """Return KL(N(mean, exp(log_var)) || N(prior_mean, exp(prior_log_var))) of each number."""
    moved = (mean - prior_mean) ** 2 * np.exp(-prior_log_var)
    ratio = log_var - prior_log_var
    return np.asarray(0.5 * (moved + np.exp(ratio) - 1 - ratio), "f8")


def hermite(mean: Any, variance: Any, order: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes `(..., order)` and weights `(order,)` of expectations under normals."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    mean, deviation = np.asarray(mean, "f8"), np.sqrt(np.asarray(variance, "f8"))
    return mean[..., None] + deviation[..., None] * nodes, weights / weights.sum()


def grid(limit: float = 9.0, points: int = 2_001) -> tuple[np.ndarray, np.ndarray]:
    """Return points of the line, and the logarithm of what N(0, 1) gives to each."""
    z = np.linspace(-limit, limit, points)
    return z, stats.norm.logpdf(z) + np.log(z[1] - z[0])


def assert_mean(values: np.ndarray, wanted: Any, deviations: float = 5.0) -> None:
    """Check that independent draws, on the first axis, have a mean, which they tell well."""
    values = np.asarray(values, "f8")
    error = values.std(axis=0) / np.sqrt(len(values))
    assert (error < 0.02 * np.maximum(1.0, np.abs(wanted))).all()
    excess = np.abs(values.mean(axis=0) - wanted) - deviations * error
    assert (excess <= 1e-4).all(), (values.mean(axis=0), wanted, error)


@dataclass
class Linear:
    """x = z loadings + centre + scale noise, z standard normal; `(codes, entries)` loadings."""

    loadings: np.ndarray
    centre: np.ndarray
    scale: float

    @property
    def covariance(self) -> np.ndarray:
        """That of x."""
        return self.loadings.T @ self.loadings + self.scale**2 * np.eye(len(self.centre))

    def log_prob(self, x: np.ndarray, observed: Any) -> np.ndarray:
        """Return the logarithm of the density of the observed entries of rows."""
        o = np.flatnonzero(observed)
        if not len(o):
            return np.zeros(len(x))
        marginal = stats.multivariate_normal(self.centre[o], self.covariance[np.ix_(o, o)])
        return np.atleast_1d(marginal.logpdf(x[:, o].astype("f8")))

    def posterior(self, observed: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return kernel and bias of the posterior's mean, 0 for what is missing; its covariance."""
        seen = self.loadings * np.asarray(observed, "f8")
        covariance = np.linalg.inv(np.eye(len(seen)) + seen @ seen.T / self.scale**2)
        kernel = seen.T @ covariance / self.scale**2
        return kernel, -self.centre @ kernel, covariance

    def conditional(self, x: np.ndarray, observed: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return means of the missing entries of rows given the others, and their covariance."""
        o, m = np.flatnonzero(observed), np.flatnonzero(~np.asarray(observed, bool))
        gain = self.covariance[np.ix_(m, o)] @ np.linalg.inv(self.covariance[np.ix_(o, o)])
        mean = self.centre[m] + (x[:, o].astype("f8") - self.centre[o]) @ gain.T
        return mean, self.covariance[np.ix_(m, m)] - gain @ self.covariance[np.ix_(o, m)]

    def bound(self, x: np.ndarray, mean: Any, log_var: Any, observed: Any = True) -> np.ndarray:
        """Return E_q log p(x | z) of the observed entries, q(z | x) normal with these."""
        seen = np.broadcast_to(observed, x.shape[1:])
        error = (x - mean @ self.loadings - self.centre) ** 2 + np.exp(log_var) @ self.loadings**2
        each = -0.5 * error / self.scale**2 - 0.5 * np.log(2 * np.pi * self.scale**2)
        return np.asarray((each * seen).sum(-1))


class LinearVAE:
    """A model whose decoder is that of a `Linear`, and whose posterior has any weights.

    Args:
        model: Of Gaussian numbers, without hidden layers.
        truth: What its decoder becomes.
        seed: Of the posterior's weights.
    """

    def __init__(self, model: Any, truth: Linear, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        codes, entries = truth.loadings.shape
        self.model, self.truth = model, truth
        self.kernels = rng.normal(scale=0.4, size=(2, entries, codes))
        self.biases = rng.normal(scale=0.4, size=(2, codes)) - np.array([[0.0], [0.7]])
        model.decoder.set_weights([truth.loadings, truth.centre])
        heads = model.bottleneck.mean_head, model.bottleneck.log_var_head
        for head, kernel, bias in zip(heads, self.kernels, self.biases, strict=True):
            head.set_weights([kernel, bias])
        model.compile("sgd")

    def posterior(self, x: np.ndarray, observed: Any = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and log-variance given rows `(..., entries)`, 0 where they are missing."""
        mean, log_var = (
            (x * observed) @ k + b for k, b in zip(self.kernels, self.biases, strict=True)
        )
        return mean, log_var

    def losses(self, given: dict[str, np.ndarray], seeds: int = 12) -> np.ndarray:
        """Return the loss of some rows, each many times, under fresh noise: `(seeds,)`."""
        many = {key: value.repeat(2_000, axis=0) for key, value in given.items()}
        options: dict[str, Any] = {"batch_size": len(many["x"]), "verbose": 0}
        found = [self.model.evaluate(many, seed=seed, **options)[0] for seed in range(seeds)]
        return np.array(found)


def assert_is_vae_of_examples(made: LinearVAE, x: np.ndarray, beta: float) -> None:
    """Check posteriors, scores and losses of rows that belong to no group."""
    mean, log_var = made.posterior(x.astype("f8"))
    found = made.model.posterior(x)
    np.testing.assert_allclose(found["mean"], mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["log_var"], log_var, rtol=1e-4, atol=1e-5)
    own = rate(mean, log_var).sum(1)
    score = own - made.truth.bound(x, mean, np.full_like(mean, -np.inf))
    np.testing.assert_allclose(made.model.score(x), score, rtol=1e-4)
    wanted = beta * own - made.truth.bound(x, mean, log_var)
    assert_mean(made.losses({"x": x}), wanted.mean())
