"""The rate of codes and clusters beside NumPy's, in two forms of the paper's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import special, stats

import keras_ae
from keras_ae.bottlenecks import Deterministic, FlowPosterior, Gaussian
from keras_ae.objectives import MixtureRate, Reconstruction
from keras_ae.priors import GaussianMixture
from keras_ae.typing import Batch
from tests.gradients import gradient

RNG = np.random.default_rng(0)
ROWS, DIM = 6, 3
MEAN, LOG_VAR, Z = (RNG.normal(size=(ROWS, DIM)).astype("float32") for _ in range(3))


def mixture(components: int) -> tuple[GaussianMixture, tuple[np.ndarray, ...]]:
    """Return a prior and its log-weights, means and log-variances, float64."""
    prior = GaussianMixture(components)
    prior.make_weights((DIM,), (8,))
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=v.shape) for v in (prior.logits, prior.means, prior.log_vars)]
    for variable, array in zip((prior.logits, prior.means, prior.log_vars), arrays, strict=True):
        variable.assign(array)
    logits, means, log_vars = arrays
    return prior, (special.log_softmax(logits), means, log_vars)


def value(prior: Any, mean: Any = MEAN, log_var: Any = LOG_VAR, z: Any = Z) -> Any:
    model = SimpleNamespace(bottleneck=Gaussian(DIM), prior=prior)
    outputs = {"mean": mean, "log_var": log_var, "latent": z}
    tensors = {key: ops.convert_to_tensor(array) for key, array in outputs.items()}
    return MixtureRate().value(model, Batch(Z, Z), tensors, False)


def responsibilities(
    z: np.ndarray, log_pi: np.ndarray, mu: np.ndarray, log_var: np.ndarray
) -> np.ndarray:
    """p(c | z), equation 16, `(rows, components)`."""
    density = stats.norm.logpdf(z[:, None], mu, np.exp(log_var / 2)).sum(-1)
    return special.softmax(log_pi + density, axis=1)


def rate(z: np.ndarray, mean: np.ndarray, log_var: np.ndarray, prior: Any) -> np.ndarray:
    """sum_c gamma_c (KL(q(z | x) || N_c) + log gamma_c - log pi_c)."""
    z, mean, log_var = (a.astype("f8") for a in (z, mean, log_var))
    log_pi, mu, prior_log_var = prior
    gamma = responsibilities(z, *prior)
    apart = log_var[:, None] - prior_log_var
    squares = (mean[:, None] - mu) ** 2 / np.exp(prior_log_var)
    kl = 0.5 * (np.exp(apart) - 1 - apart + squares).sum(-1)
    return (gamma * (kl - log_pi) + special.xlogy(gamma, gamma)).sum(1)


def expanded(z: np.ndarray, mean: np.ndarray, log_var: np.ndarray, prior: Any) -> np.ndarray:
    """Jiang et al. (2017), equation 12, all but the first sum, with the sign turned."""
    z, mean, log_var = (a.astype("f8") for a in (z, mean, log_var))
    log_pi, mu, prior_log_var = prior
    found = np.zeros(len(z))
    for i in range(len(z)):
        gamma = responsibilities(z[i : i + 1], *prior)[0]
        for c in range(len(log_pi)):
            inner = 0.0
            for j in range(DIM):
                variance = np.exp(prior_log_var[c, j])
                inner += np.log(variance) + np.exp(log_var[i, j]) / variance
                inner += (mean[i, j] - mu[c, j]) ** 2 / variance
            found[i] += 0.5 * gamma[c] * inner
            found[i] -= gamma[c] * (log_pi[c] - np.log(gamma[c]))
        found[i] -= 0.5 * (1 + log_var[i]).sum()
    return found


@pytest.mark.parametrize("components", [2, 5])
def test_it_is_the_divergence_of_code_and_cluster(components: int) -> None:
    prior, arrays = mixture(components)
    found = ops.convert_to_numpy(value(prior))
    assert found.shape == (ROWS,)
    for wanted in (rate(Z, MEAN, LOG_VAR, arrays), expanded(Z, MEAN, LOG_VAR, arrays)):
        assert (abs(found - wanted) <= 1e-5 * np.maximum(1.0, abs(wanted))).all()


def test_of_one_cluster_it_is_the_divergence_from_its_normal() -> None:
    prior, (_, mu, log_var) = mixture(1)
    ratio = np.exp(LOG_VAR - log_var)
    squares = (MEAN - mu) ** 2 / np.exp(log_var)
    wanted = 0.5 * (ratio - 1 - np.log(ratio) + squares).sum(1)
    np.testing.assert_allclose(ops.convert_to_numpy(value(prior)), wanted, rtol=1e-5)


def test_its_mean_over_draws_is_a_bound_on_the_divergence_from_the_mixture() -> None:
    """KL(q(z) || p(z)) <= KL(q(z) gamma || p(z, c)), with any gamma."""
    prior, _ = mixture(3)
    z = (MEAN[0] + np.exp(LOG_VAR[0] / 2) * RNG.normal(size=(20_000, DIM))).astype("float32")
    same = [np.repeat(a[:1], len(z), axis=0) for a in (MEAN, LOG_VAR)]
    found = ops.convert_to_numpy(value(prior, *same, z))
    ratio = stats.norm.logpdf(z, *(same[0], np.exp(same[1] / 2))).sum(1)
    ratio = ratio - ops.convert_to_numpy(prior.log_prob(z))
    assert found.mean() > ratio.mean() - 4 * ratio.std() / np.sqrt(len(z))
    assert ratio.mean() > 0.1


def test_a_code_far_from_all_but_one_cluster_stays_finite_with_its_gradient() -> None:
    prior = GaussianMixture(2)
    prior.make_weights((DIM,), (8,))
    means, log_vars = np.array([[0.0] * DIM, [200.0] * DIM]), np.full((2, DIM), -3.0)
    prior.means.assign(means)
    prior.log_vars.assign(log_vars)
    for function in (
        lambda z: ops.sum(value(prior, z=z)),
        lambda mean: ops.sum(value(prior, mean=mean)),
    ):
        assert np.isfinite(gradient(function, MEAN)).all()
    wanted = rate(Z, MEAN, LOG_VAR, (np.log([0.5, 0.5]), means, log_vars))
    np.testing.assert_allclose(ops.convert_to_numpy(value(prior)), wanted, rtol=1e-5)


def test_vade_has_it_in_its_loss() -> None:
    x = RNG.normal(size=(5, 6)).astype("float32")
    model = keras_ae.create("vade", input_shape=(6,), latent_dim=DIM, components=4, hidden=[4])
    batch = model.batch(ops.convert_to_tensor(x))
    outputs = model.autoencode(batch, training=False, sample=True)
    arrays = [ops.convert_to_numpy(outputs[key]) for key in ("latent", "mean", "log_var")]
    prior = (
        np.log(np.full(4, 0.25)),
        ops.convert_to_numpy(model.prior.means).astype("f8"),
        ops.convert_to_numpy(model.prior.log_vars).astype("f8"),
    )
    terms = model.terms(ops.convert_to_tensor(x), None, outputs)
    found = float(ops.convert_to_numpy(terms["mixture_rate"]))
    assert found == pytest.approx(rate(*arrays, prior).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("bottleneck", "prior"),
    [
        (lambda: Gaussian(2), "standard_normal"),
        (lambda: Gaussian(2), None),
        (lambda: Deterministic(2), "gaussian_mixture"),
        (lambda: FlowPosterior(2, "planar", 2), "gaussian_mixture"),
    ],
)
def test_it_needs_a_mixture_and_normal_posteriors(bottleneck: Any, prior: Any) -> None:
    objective = [Reconstruction(), MixtureRate()]
    with pytest.raises(ValueError, match="MixtureRate.*needs"):
        keras_ae.LatentModel((6,), bottleneck=bottleneck(), objective=objective, prior=prior)


def test_an_impossible_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="`weight` must"):
        MixtureRate(-1.0)
