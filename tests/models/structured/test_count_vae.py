"""Counts whose totals have a code of their own."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats
from scipy.special import expit, log_expit, logsumexp, softmax

import keras_ae
from tests.models.structured.closed_form import assert_mean, grid, hermite, rate

RNG = np.random.default_rng(0)
X = RNG.poisson(RNG.lognormal(1.0, 1.0, (40, 1)) * RNG.random((1, 6))).astype("f4")


def measured(model: Any) -> np.ndarray:
    library = model.decoder.get_layer("library")
    return np.array([float(ops.convert_to_numpy(w)) for w in (library.mean, library.deviation)])


def trained(x: Any, **options: Any) -> Any:
    model = keras_ae.create("count_vae", input_shape=(6,), latent_dim=2, hidden=[8], **options)
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(x, batch_size=10, epochs=1, verbose=0)
    return model


def test_training_starts_from_the_totals_of_its_rows_and_going_on_keeps_them() -> None:
    model = trained(X)
    logs = np.log(np.maximum(X.sum(1), 1.0))
    np.testing.assert_allclose(measured(model), [logs.mean(), logs.std()], rtol=1e-5)
    model.fit(1000 * X, batch_size=10, epochs=1, verbose=0)
    np.testing.assert_allclose(measured(model), [logs.mean(), logs.std()], rtol=1e-5)


@pytest.mark.parametrize("way", ["mask", "gaps"])
def test_entries_that_are_missing_are_not_counted(way: str) -> None:
    seen = np.ones(X.shape, "f4")
    seen[::2, 3:] = 0.0
    if way == "mask":
        model = trained({"x": X, "mask": seen})
    else:
        model = trained(np.where(seen > 0, X, np.nan), missing="mask")
    logs = np.log(np.maximum((X * seen).sum(1), 1.0))
    np.testing.assert_allclose(measured(model), [logs.mean(), logs.std()], rtol=1e-5)


def test_a_condition_reaches_the_shares_and_not_the_total() -> None:
    model = trained(
        {"x": X, "condition": np.arange(40) % 2}, condition={"name": "label", "categories": 2}
    )
    z = RNG.normal(size=(5, 3)).astype("f4")
    here, there = (model.decode(z, condition=c) for c in (0, 1))
    np.testing.assert_allclose(here.sum(1), there.sum(1), rtol=1e-4)
    assert abs(here - there).max() > 1e-4


@pytest.mark.parametrize(
    ("likelihood", "blocks"),
    [("poisson", 1), ("negative_binomial", 2), ("zero_inflated_negative_binomial", 3)],
)
def test_every_likelihood_of_counts_has_its_parameters(likelihood: str, blocks: int) -> None:
    model = trained(X, likelihood=likelihood)
    assert model.decoder.output_shape == (None, 6 * blocks)
    assert np.isfinite(model.log_prob(X, 3)).all()
    sizes = [w for w in model.trainable_variables if "log_size" in w.path]
    assert len(sizes) == (blocks > 1)


def test_data_that_are_read_once_are_refused() -> None:
    model = keras_ae.create("count_vae", input_shape=(6,), latent_dim=2)
    model.compile(keras.optimizers.Adam(1e-3))
    with pytest.raises(ValueError, match="readable more than once"):
        model.fit((X[:8] for _ in range(3)), epochs=1, verbose=0)


def test_totals_are_measured_though_a_step_was_taken_before() -> None:
    model = keras_ae.create("count_vae", input_shape=(6,), latent_dim=2)
    model.compile(keras.optimizers.Adam(1e-3))
    model.train_on_batch(X)
    model.fit(X, epochs=1, verbose=0)
    logs = np.log(np.maximum(X.sum(1), 1.0))
    np.testing.assert_allclose(measured(model), [logs.mean(), logs.std()], rtol=1e-5)


def test_what_is_no_likelihood_of_counts_is_refused() -> None:
    with pytest.raises(ValueError, match="one of counts"):
        keras_ae.create("count_vae", input_shape=(6,), likelihood="gaussian")


SIZE, MEAN, DEVIATION = np.array([0.3, -0.5, 1.0, 2.0, 0.0, -1.0]), 2.2, 0.6
ROWS = np.array([[0, 3, 1, 0, 7, 2], [1, 0, 0, 0, 0, 4], [11, 2, 0, 5, 3, 4]], "f4")
LIKELIHOODS = ["poisson", "negative_binomial", "zero_inflated_negative_binomial"]


class Counts:
    """A model of one number beside the total, of which all weights are known."""

    def __init__(self, likelihood: str) -> None:
        rng = np.random.default_rng(1)
        self.likelihood = likelihood
        self.model: Any = keras_ae.create(
            "count_vae", input_shape=(6,), latent_dim=1, hidden=[], likelihood=likelihood
        )
        self.blocks = 2 if likelihood.startswith("zero") else 1
        self.output = rng.normal(scale=0.7, size=(2, 6 * self.blocks))
        for weight in self.model.weights:
            name = weight.path.rpartition("/")[2]
            if "output" in weight.path:
                weight.assign(self.output[:1] if name == "kernel" else self.output[1])
            known = {"log_size": SIZE, "mean": MEAN, "deviation": DEVIATION}
            if "library" in weight.path and name in known:
                weight.assign(known[name])
        heads = self.model.bottleneck.mean_head, self.model.bottleneck.log_var_head
        self.weights = rng.normal(scale=0.15, size=(2, 7, 2))
        for head, weights in zip(heads, self.weights, strict=True):
            head.set_weights([weights[:6], weights[6]])
        self.model.compile("sgd")

    def posterior(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and log-variance of a row, of which the encoder sees log(1 + x)."""
        given = np.append(np.log1p(x), 1.0)
        return given @ self.weights[0], given @ self.weights[1]

    def log_mass(self, x: np.ndarray, seen: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return that of the entries that are there, at codes `(..., 2)`: the total's, then z."""
        decoded = z[..., 1:] * self.output[0] + self.output[1]
        total = np.exp(MEAN + DEVIATION * z[..., :1])
        mean, size = total * softmax(decoded[..., :6], axis=-1), np.exp(SIZE)
        if self.likelihood == "poisson":
            return np.asarray((seen * stats.poisson(mean).logpmf(x)).sum(-1))
        found = stats.nbinom(size, size / (size + mean)).logpmf(x)
        if self.blocks == 2:
            zero = decoded[..., 6:]
            there = np.where(x == 0, log_expit(zero), -np.inf)
            found = np.logaddexp(there, log_expit(-zero) + found)
        return np.asarray((seen * found).sum(-1))


def each(masked: bool) -> tuple[dict[str, np.ndarray], list[tuple[np.ndarray, np.ndarray]]]:
    """Return what a model is given, and each of its rows with what is there."""
    seen = np.ones_like(ROWS)
    seen[np.arange(3), [4, 0, 1]] = 0.0 if masked else 1.0
    given = {"x": np.where(seen > 0, ROWS, 99.0), "mask": seen}
    return given, list(zip((ROWS * seen).astype("f8"), seen, strict=True))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_scores_are_scipys_masses_at_the_codes_and_count_the_rate(
    likelihood: str, masked: bool
) -> None:
    counts = Counts(likelihood)
    given, rows = each(masked)
    wanted = []
    for x, seen in rows:
        mean, log_var = counts.posterior(x)
        wanted.append(rate(mean, log_var).sum() - counts.log_mass(x, seen, mean))
    np.testing.assert_allclose(counts.model.score(given), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_elbos_are_integrals_over_total_and_code(likelihood: str) -> None:
    counts = Counts(likelihood)
    given, rows = each(masked=True)
    wanted = []
    for x, seen in rows:
        mean, log_var = counts.posterior(x)
        nodes, weights = hermite(mean, np.exp(log_var), 40)
        codes = np.stack(np.meshgrid(*nodes, indexing="ij"), axis=-1)
        density = weights @ counts.log_mass(x, seen, codes) @ weights
        wanted.append(density - rate(mean, log_var).sum())
    many = {key: value.repeat(4_000, axis=0) for key, value in given.items()}
    assert_mean(counts.model.elbo(many).reshape(3, -1).T, wanted)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_likelihoods_are_integrals_over_total_and_code(likelihood: str) -> None:
    counts = Counts(likelihood)
    given, rows = each(masked=True)
    line, log_prior = grid(7.0, 281)
    points = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
    heads = counts.model.bottleneck.mean_head, counts.model.bottleneck.log_var_head
    for index, (x, seen) in enumerate(rows):
        joint = counts.log_mass(x, seen, points) + log_prior + log_prior[:, None]
        exact = logsumexp(joint)
        share = np.exp(joint - exact)[..., None]
        mean = (share * points).sum((0, 1))
        variance = (share * (points - mean) ** 2).sum((0, 1))
        heads[0].set_weights([np.zeros((6, 2)), mean])
        heads[1].set_weights([np.zeros((6, 2)), np.log(2 * variance)])  # wider than the true one
        found = counts.model.log_prob({k: v[[index]] for k, v in given.items()}, 20_000)
        assert found[0] == pytest.approx(exact, abs=0.04)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_decoded_codes_are_the_counts_that_are_expected(likelihood: str) -> None:
    counts = Counts(likelihood)
    z = RNG.normal(size=(5, 2)).astype("f4")
    decoded = z[:, 1:] * counts.output[0] + counts.output[1]
    mean = np.exp(MEAN + DEVIATION * z[:, :1]) * softmax(decoded[:, :6], axis=1)
    if counts.blocks == 2:
        mean *= 1 - expit(decoded[:, 6:])
    np.testing.assert_allclose(counts.model.decode(z), mean, rtol=1e-4)
