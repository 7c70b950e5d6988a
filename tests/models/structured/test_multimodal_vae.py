"""Codes of several modalities beside products and mixtures of normals, bounds beside integrals."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats
from scipy.special import log_expit, logsumexp

import keras_ae
from tests.models.structured.closed_form import (
    Linear,
    assert_mean,
    grid,
    hermite,
    host,
    rate,
)

RNG = np.random.default_rng(0)
SIZES = [2, 3, 2]
COLUMNS = [slice(0, 2), slice(2, 5), slice(5, 7)]
SUBSETS = np.array(list(itertools.product([False, True], repeat=3)))
FUSIONS = ["product", "mixture", "mixture_of_products"]
# In every modality the two rows are orthogonal, so that each one's posterior is diagonal.
TRUTH = Linear(
    np.array([[1.0, 0.5, 0.8, 0.3, -0.4, 0.9, 0.0], [0.4, -0.8, 0.5, 0.0, 1.0, 0.0, -0.6]]),
    np.array([0.3, -0.2, 0.1, 0.8, -0.5, 0.2, 0.6]),
    0.5,
)
NOISE = 0.5 * RNG.normal(size=(4, 7))
X = (RNG.normal(size=(4, 2)) @ TRUTH.loadings + TRUTH.centre + NOISE).astype("f4")
GAUSSIAN = {"name": "gaussian", "scale": 0.5}


def make(fusion: str = "product") -> Any:
    views = {
        name: {"shape": size, "hidden": [], "likelihood": GAUSSIAN}
        for name, size in zip("abc", SIZES, strict=True)
    }
    return keras_ae.create("multimodal_vae", latent_dim=2, modalities=views, fusion=fusion)


def seen(present: np.ndarray) -> np.ndarray:
    """Return which columns a subset of the modalities has."""
    return np.repeat(present, SIZES)


def randomize(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give the heads any weights; return means and variances `(modalities, rows, codes)` of X."""
    means, variances = [], []
    for columns, *heads in zip(
        COLUMNS, model.bottleneck.heads.means, model.bottleneck.heads.log_vars, strict=True
    ):
        found = []
        for head in heads:
            kernel = RNG.normal(scale=0.5, size=(columns.stop - columns.start, 2))
            bias = RNG.normal(scale=0.5, size=2)
            head.set_weights([kernel, bias])
            found.append(X[:, columns].astype("f8") @ kernel + bias)
        means.append(found[0])
        variances.append(np.exp(found[1]))
    return np.stack(means), np.stack(variances)


def product(means: Any, variances: Any, prior: float) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of the product of normals, with N(0, 1 / prior)."""
    precision = prior + (1 / variances).sum(0)
    return (means / variances).sum(0) / precision, 1 / precision


def components(fusion: str, means: Any, variances: Any, present: Any) -> list[Any]:
    """Return mean and variance of each component of the posterior given some modalities."""
    if not present.any():
        return [(np.zeros_like(means[0]), np.ones_like(means[0]))]
    if fusion == "product":
        return [product(means[present], variances[present], 1.0)]
    if fusion == "mixture":
        return list(zip(means[present], variances[present], strict=True))
    inside = [subset for subset in SUBSETS[1:] if (subset <= present).all()]
    return [product(means[subset], variances[subset], 0.0) for subset in inside]


def test_a_products_posterior_is_the_closed_form_for_every_subset() -> None:
    model = make()
    means, variances = randomize(model)
    for present in SUBSETS:
        found = model.posterior(np.where(seen(present), X, np.nan).astype("f4"))
        mean, variance = components("product", means, variances, present)[0]
        np.testing.assert_allclose(found["mean"], mean, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(np.exp(found["log_var"]), variance, rtol=1e-5)


def test_experts_that_are_right_make_every_subsets_posterior_the_true_one() -> None:
    model = make()
    for m, columns in enumerate(COLUMNS):
        part = TRUTH.loadings[:, columns]
        precision = part @ part.T / TRUTH.scale**2
        assert abs(precision[0, 1]) < 1e-12
        kernel = part.T / np.diag(part @ part.T)
        heads = model.bottleneck.heads
        heads.means[m].set_weights([kernel, -TRUTH.centre[columns] @ kernel])
        log_var = -np.log(np.diag(precision))
        heads.log_vars[m].set_weights([np.zeros_like(kernel), log_var])
    layers = [w for w in model.decoder.weights if "output" in w.path]
    for m, columns in enumerate(COLUMNS):
        layers[2 * m].assign(TRUTH.loadings[:, columns])
        layers[2 * m + 1].assign(TRUTH.centre[columns])
    for present in SUBSETS:
        rows = np.where(seen(present), X, np.nan).astype("f4")
        wanted = TRUTH.log_prob(X, seen(present))
        np.testing.assert_allclose(model.log_prob(rows, 1), wanted, rtol=1e-4, atol=2e-4)
        if present.any() and not present.all():
            filled = model.reconstruct(rows)[:, ~seen(present)]
            mean = TRUTH.conditional(X, seen(present))[0]
            np.testing.assert_allclose(filled, mean, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_draws_and_their_densities_are_those_of_the_papers_posterior(fusion: str) -> None:
    model = make(fusion)
    means, variances = randomize(model)
    for present in SUBSETS:
        row = np.where(seen(present), X[:1], np.nan).astype("f4")
        parts = components(fusion, means[:, :1], variances[:, :1], present)
        centres, spreads = (np.concatenate(each) for each in zip(*parts, strict=True))
        z = model.sample_posterior(row.repeat(4_000, 0), 1, seed=0)[0]
        given = model.posterior(row.repeat(4_000, 0))
        tensors = {k: ops.convert_to_tensor(v) for k, v in {**given, "latent": z}.items()}
        each = stats.norm(centres[:, None], np.sqrt(spreads[:, None])).logpdf(z).sum(-1)
        wanted = logsumexp(each, axis=0) - np.log(len(each))
        np.testing.assert_allclose(
            host(model.bottleneck.log_prob(tensors)), wanted, rtol=1e-4, atol=1e-4
        )
        for d in range(2):
            exact = stats.norm(centres[:, d], np.sqrt(spreads[:, d]))
            distance = stats.kstest(
                z[:, d], lambda t, exact=exact: exact.cdf(t[:, None]).mean(1)
            ).statistic
            assert distance < 0.035


SCALES, BETA = (2.0, 0.5), 0.7
TINY = np.array([[0.8, -0.3, 1.0, 0.0], [-0.5, 0.2, 1.0, 1.0]], "f4")


class Tiny:
    """Two modalities, two numbers and two bits, of a code of one number, and all its weights."""

    def __init__(self, fusion: str, scaled: bool) -> None:
        scales, beta = (SCALES, BETA) if scaled else ((1.0, 1.0), 1.0)
        views = {
            "numbers": {"shape": 2, "hidden": [], "scale": scales[0]},
            "bits": {"shape": 2, "hidden": [], "likelihood": "bernoulli", "scale": scales[1]},
        }
        self.fusion, self.scales, self.beta = fusion, scales, beta
        self.model: Any = keras_ae.create(
            "multimodal_vae", latent_dim=1, modalities=views, fusion=fusion, beta=beta
        )
        self.model.compile("sgd")
        heads = self.model.bottleneck.heads
        for layers, scale in ((heads.means, 0.6), (heads.log_vars, 0.3)):
            for layer in layers:
                kernel, bias = RNG.normal(size=(2, 1)), RNG.normal(size=1) - 0.5
                layer.set_weights([scale * kernel, scale * bias])
        self.kernel, self.bias = 0.7 * RNG.normal(size=(2, 2, 2))
        outputs = [w for w in self.model.decoder.weights if "output" in w.path]
        for m in range(2):
            outputs[2 * m].assign(self.kernel[m][None])
            outputs[2 * m + 1].assign(self.bias[m])

    def log_likelihoods(self, row: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return log p(x_m | z) of both modalities, `(2, *z.shape)`."""
        decoded = z[..., None, None] * self.kernel + self.bias
        numbers = stats.norm(decoded[..., 0, :]).logpdf(row[:2]).sum(-1)
        logits = decoded[..., 1, :] * np.where(row[2:] > 0, 1, -1)
        return np.stack([numbers, log_expit(logits).sum(-1)])

    def posterior(self, row: np.ndarray, present: np.ndarray) -> list[tuple[float, float]]:
        """Return mean and variance of each component of q."""
        found, heads = [], self.model.bottleneck.heads
        for layers in (heads.means, heads.log_vars):
            weights = [[host(w) for w in layer.weights] for layer in layers]
            found.append(
                [row[2 * m : 2 * m + 2] @ k[:, 0] + b[0] for m, (k, b) in enumerate(weights)]
            )
        means, variances = np.array(found[0]), np.exp(found[1])
        if self.fusion == "product":
            return [product(means[present], variances[present], 1.0)]
        parts = list(zip(means[present], variances[present], strict=True))
        if self.fusion == "mixture_of_products" and present.all():
            parts.append(product(means, variances, 0.0))
        return parts

    def loss(self, row: np.ndarray, present: np.ndarray) -> float:
        """Return -E_q sum_m lambda_m log p(x_m | z) + beta KL(q || p)."""
        parts, total = self.posterior(row, present), 0.0
        for mean, variance in parts:
            z, weights = hermite(mean, variance)
            each = [stats.norm(m, np.sqrt(v)).logpdf(z) for m, v in parts]
            log_q = logsumexp(each, axis=0) - np.log(len(parts))
            value = self.beta * (log_q - stats.norm.logpdf(z))
            value -= np.where(present, self.scales, 0.0) @ self.log_likelihoods(row, z)
            total += float(weights @ value) / len(parts)
        return total


PRESENT = np.array([[True, True], [True, False], [False, True]])


def tiny_rows() -> np.ndarray:
    """Return both rows with both modalities, and with each alone."""
    return np.concatenate([np.where(np.repeat(p, 2), TINY, np.nan) for p in PRESENT])


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_loss_is_the_papers_bound_by_quadrature(fusion: str) -> None:
    tiny = Tiny(fusion, scaled=True)
    for present in PRESENT:
        rows = np.where(np.repeat(present, 2), TINY, np.nan)
        wanted = 0.0
        for row in TINY:
            wanted += tiny.loss(row, present) / 2
            if fusion == "product":  # and each modality that is there alone
                wanted += sum(tiny.loss(row, p) / 2 for p in PRESENT[1:] if (p <= present).all())
        many = {"x": rows.repeat(1_000, 0), "batch_size": 2_000, "verbose": 0}
        losses = np.array([tiny.model.evaluate(**many, seed=seed)[0] for seed in range(20)])
        assert_mean(losses, wanted)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_elbo_and_density_are_those_of_the_likelihood_without_weights(fusion: str) -> None:
    tiny = Tiny(fusion, scaled=False)
    rows, (z, log_prior) = tiny_rows(), grid()
    elbo = np.array([tiny.loss(row, present) for present in PRESENT for row in TINY])
    many = rows.repeat(4_000, 0)
    for found in (tiny.model.log_prob(many, 1), tiny.model.elbo(many)):
        assert_mean(found.reshape(6, -1).T, -elbo)
    wanted = [
        logsumexp(log_prior + present @ tiny.log_likelihoods(row, z))
        for present in PRESENT
        for row in TINY
    ]
    np.testing.assert_allclose(tiny.model.log_prob(rows, 40_000), wanted, atol=0.03)
    assert (np.array(wanted) > -elbo + 0.01).all()


def test_scores_are_the_bound_at_the_products_mean() -> None:
    tiny = Tiny("product", scaled=False)
    wanted = []
    for present in PRESENT:
        for row in TINY:
            ((mean, variance),) = tiny.posterior(row, present)
            density = present @ tiny.log_likelihoods(row, np.array(mean))
            wanted.append(float(rate(mean, np.log(variance)) - density))
    np.testing.assert_allclose(tiny.model.score(tiny_rows()), wanted, rtol=1e-4, atol=1e-4)
