"""The three parts of the rate, and their estimators, beside NumPy's."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import special, stats

import keras_ae
from keras_ae.bottlenecks import Gaussian, Hyperspherical
from keras_ae.objectives import DimensionWiseKL, MutualInformation, Reconstruction, TotalCorrelation
from keras_ae.objectives.decomposed_kl import log_weights_of
from keras_ae.priors import AutoregressiveNormal, StandardNormal
from keras_ae.typing import Batch
from tests.gradients import gradient

TERMS = [MutualInformation, TotalCorrelation, DimensionWiseKL]
RNG = np.random.default_rng(0)
MEAN, LOG_VAR, Z = (RNG.normal(size=(5, 3)).astype("float32") for _ in range(3))
ROWS = 100

estimators = pytest.mark.parametrize("estimator", ["mss", "mws"])


def weights(estimator: str, batch_size: int, rows: int) -> np.ndarray:
    return np.exp(ops.convert_to_numpy(log_weights_of(estimator, batch_size, rows)).astype("f8"))


def values(
    estimator: str = "mss",
    rows: int = ROWS,
    arrays: tuple[np.ndarray, ...] = (MEAN, LOG_VAR, Z),
    prior: Any = None,
) -> list[np.ndarray]:
    """The three terms at given parameters and draws."""
    mean, log_var, z = (ops.convert_to_tensor(a) for a in arrays)
    outputs = {"mean": mean, "log_var": log_var, "latent": z}
    model = SimpleNamespace(bottleneck=Gaussian(mean.shape[1]), prior=prior or StandardNormal())
    x = np.zeros((len(arrays[0]), 4), "float32")
    return [
        ops.convert_to_numpy(
            term(1.0, estimator, rows).value(model, Batch(x, x), outputs, training=False)
        )
        for term in TERMS
    ]


def parts(
    log_w: np.ndarray, mean: np.ndarray, log_var: np.ndarray, z: np.ndarray
) -> list[np.ndarray]:
    """Chen et al. (2018), equation 2, with estimates of log q(z) and log q(z_j) by weights."""
    mean, log_var, z = (a.astype("f8") for a in (mean, log_var, z))
    # (draws, posteriors, coordinates)
    each = stats.norm.logpdf(z[:, None], mean[None], np.exp(log_var / 2)[None])
    of_code = np.einsum("iij->i", each)
    joint = special.logsumexp(log_w + each.sum(2), axis=1)
    product = special.logsumexp(log_w[:, :, None] + each, axis=1).sum(1)
    return [of_code - joint, joint - product, product - stats.norm.logpdf(z).sum(1)]


# The weights.


@pytest.mark.parametrize(("batch_size", "rows"), [(5, 100), (2, 50), (7, 8), (64, 60_000)])
def test_stratified_weights_have_the_row_itself_at_its_share(batch_size: int, rows: int) -> None:
    """Appendix C.2: 1/N, then one of (N - M) / (N M) and M - 1 of 1/M for M = B - 1 others."""
    found = weights("mss", batch_size, rows)
    assert found.shape == (batch_size, batch_size)
    np.testing.assert_allclose(found.sum(1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(np.diag(found), 1 / rows, rtol=1e-5)
    others = batch_size - 1
    wanted = np.sort([(rows - others) / (rows * others), *[1 / others] * (others - 1)])
    for i, row in enumerate(found):
        np.testing.assert_allclose(np.sort(np.delete(row, i)), wanted, rtol=1e-5)


@estimators
def test_data_are_at_least_as_many_as_a_batch(estimator: str) -> None:
    np.testing.assert_array_equal(weights(estimator, 8, 5), weights(estimator, 8, 8))


@pytest.mark.parametrize(("batch_size", "rows"), [(5, 100), (1, 50), (8, 8)])
def test_weights_of_the_other_estimator_are_alike(batch_size: int, rows: int) -> None:
    """Equation 4: 1 / (N M)."""
    wanted = np.full((batch_size, batch_size), 1 / (rows * batch_size))
    np.testing.assert_allclose(weights("mws", batch_size, rows), wanted, rtol=1e-5)


def test_the_stratified_density_is_unbiased() -> None:
    """The mean over all batches with a row is q(z) = 1/N sum_n q(z | n), whatever the row."""
    rows, batch_size = 6, 3
    density = RNG.random((rows, rows)) ** 3  # q(z_n | m)
    found = weights("mss", batch_size, rows)
    for place, own in itertools.product(range(batch_size), range(rows)):
        others = [n for n in range(rows) if n != own]
        estimates = []
        for chosen in itertools.permutations(others, batch_size - 1):
            batch = [*chosen[:place], own, *chosen[place:]]
            estimates.append(found[place] @ density[own, batch])
        assert np.mean(estimates) == pytest.approx(density[own].mean(), rel=1e-5)
        assert np.std(estimates) > 1e-3


def test_the_weighted_density_is_below_q_on_average() -> None:
    """E log of the weighted estimate is a lower bound (appendix C.1): each batch counts 1/N."""
    rows, batch_size = 6, 3
    density = RNG.random((rows, rows))
    found = weights("mws", batch_size, rows)
    batch = [2, 0, 5]
    np.testing.assert_allclose(found[0] @ density[2, batch], density[2, batch].mean() / rows)


# The terms.


@estimators
@pytest.mark.parametrize("rows", [5, 6, ROWS, 60_000])
def test_the_terms_are_numpys(estimator: str, rows: int) -> None:
    log_w = np.log(weights(estimator, 5, rows))
    found, wanted = values(estimator, rows), parts(log_w, MEAN, LOG_VAR, Z)
    for got, part in zip(found, wanted, strict=True):
        assert got.shape == (5,)
        assert (abs(got - part) <= 1e-5 * np.maximum(1.0, abs(part))).all()


@estimators
def test_together_they_are_the_rate_of_each_row(estimator: str) -> None:
    scale = np.exp(LOG_VAR.astype("f8") / 2)
    rate = (stats.norm.logpdf(Z, MEAN, scale) - stats.norm.logpdf(Z)).sum(1)
    np.testing.assert_allclose(sum(values(estimator)), rate, rtol=1e-5, atol=1e-5)


def test_the_last_part_is_from_the_models_own_prior() -> None:
    prior = AutoregressiveNormal(0.6)
    apart = stats.norm.logpdf(Z).sum(1) - ops.convert_to_numpy(prior.log_prob(Z))
    (*same, standard), (*same_too, other) = values(), values(prior=prior)
    np.testing.assert_allclose(other - standard, apart, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(same, same_too, rtol=1e-6)
    assert abs(apart).max() > 0.1


def test_posteriors_far_apart_stay_finite() -> None:
    mean = 1e3 * MEAN
    found = values(arrays=(mean, np.full_like(mean, -10), mean))
    assert np.isfinite(found).all()
    # Each code tells its row apart: log N nats of information.
    np.testing.assert_allclose(found[0], np.log(ROWS), rtol=1e-5)


@estimators
def test_a_batch_of_one_row_stays_finite_and_sums_to_the_rate(estimator: str) -> None:
    one = (MEAN[:1], LOG_VAR[:1], Z[:1])
    found = values(estimator, arrays=one)
    assert np.isfinite(found).all()
    rate = stats.norm.logpdf(Z[0], MEAN[0], np.exp(LOG_VAR[0] / 2)) - stats.norm.logpdf(Z[0])
    np.testing.assert_allclose(sum(found), [rate.sum()], rtol=1e-5)


def normal_toy(rows: int) -> tuple[np.ndarray, ...]:
    """Codes z = m + e of m ~ N(0, S), e ~ N(0, 0.5^2 I): q(z) = N(0, S + 0.25 I)."""
    rng = np.random.default_rng(4)
    covariance = np.array([[1.0, 0.8], [0.8, 1.0]])
    mean = rng.multivariate_normal(np.zeros(2), covariance, rows)
    z = mean + 0.5 * rng.normal(size=(rows, 2))
    log_var = np.full((rows, 2), np.log(0.25))
    return tuple(a.astype("float32") for a in (mean, log_var, z))


@estimators
def test_of_all_rows_the_estimates_are_near_the_truth(estimator: str) -> None:
    """For a batch that is the data, and a q(z) that is known.

    Weighted sampling then counts each posterior 1 / N^2 instead of 1 / N: log q(z) is below by
    log N, and each log q(z_j) too. Stratified sampling is near without a correction.
    """
    rows = 2_000
    found = [part.mean() for part in values(estimator, rows, normal_toy(rows))]
    covariance = np.array([[1.25, 0.8], [0.8, 1.25]])
    log_det = np.linalg.slogdet(covariance)[1]
    information = 0.5 * log_det - np.log(0.25)
    total = 0.5 * (2 * np.log(1.25) - log_det)
    by_coordinate = 2 * 0.5 * (1.25 - 1 - np.log(1.25))
    below = np.log(rows) if estimator == "mws" else 0.0
    wanted = [information + below, total + below, by_coordinate - 2 * below]
    np.testing.assert_allclose(found, wanted, atol=0.1)
    assert total > 0.2


def test_a_codes_gradient_is_that_of_finite_differences() -> None:
    log_w = np.log(weights("mss", 5, ROWS))
    for place, term in enumerate(TERMS):

        def of_mean(mean: Any, term: Any = term) -> Any:
            outputs = {"mean": mean, "log_var": ops.convert_to_tensor(LOG_VAR)}
            outputs["latent"] = mean + ops.convert_to_tensor(Z)
            model = SimpleNamespace(bottleneck=Gaussian(3), prior=StandardNormal())
            batch = Batch(MEAN, MEAN)
            return ops.sum(term(1.0, "mss", ROWS).value(model, batch, outputs, True))

        found, wanted = gradient(of_mean, MEAN), np.zeros((5, 3))
        for at in np.ndindex(5, 3):
            ends = []
            for sign in (1, -1):
                mean = MEAN.astype("f8")
                mean[at] += sign * 1e-5
                ends.append(parts(log_w, mean, LOG_VAR, mean + Z.astype("f8"))[place].sum())
            wanted[at] = (ends[0] - ends[1]) / 2e-5
        assert (abs(found - wanted) <= 2e-5 * np.maximum(1.0, abs(wanted))).all()
        assert abs(wanted).max() > 0.1


# The number of rows.


X = RNG.random((24, 6)).astype("float32")


def model_of(dataset_size: int | None = None, **options: Any) -> Any:
    model = keras_ae.create(
        "beta_tc_vae",
        input_shape=(6,),
        latent_dim=2,
        hidden=[4],
        dataset_size=dataset_size,
        **options,
    )
    model.compile("sgd")
    return model


def rows_of(model: Any) -> list[int]:
    return [int(ops.convert_to_numpy(term.rows)) for term in model.objective[1:]]


def batches() -> Any:
    while True:
        yield X[:8], None


@pytest.mark.parametrize(
    ("options", "rows"), [({}, 24), ({"validation_split": 0.25}, 18)], ids=["all", "split"]
)
def test_a_fit_counts_the_rows_that_it_trains_on(options: Any, rows: int) -> None:
    model = model_of()
    model.fit(X, batch_size=6, epochs=1, verbose=0, **options)
    assert rows_of(model) == [rows] * 3
    model.fit(X[:12], batch_size=6, epochs=1, verbose=0)
    assert rows_of(model) == [12] * 3


def test_a_stated_size_is_kept_and_serves_a_generator() -> None:
    model = model_of(1_000)
    model.fit(batches(), steps_per_epoch=2, epochs=1, verbose=0)
    model.fit(X, batch_size=6, epochs=1, verbose=0)
    assert rows_of(model) == [1_000] * 3


def test_a_generator_without_a_size_is_refused() -> None:
    with pytest.raises(ValueError, match="`?dataset_size`?"):
        model_of().fit(batches(), steps_per_epoch=2, epochs=1, verbose=0)


def test_the_estimates_of_a_trained_model_are_of_its_rows() -> None:
    model = model_of()
    model.fit(X, batch_size=6, epochs=1, verbose=0)
    batch = model.batch(ops.convert_to_tensor(X[:6]))
    outputs = model.autoencode(batch, training=False, sample=True)
    arrays = [ops.convert_to_numpy(outputs[k]) for k in ("mean", "log_var", "latent")]
    wanted = parts(np.log(weights("mss", 6, 24)), *arrays)
    for term, part in zip(model.objective[1:], wanted, strict=True):
        found = ops.convert_to_numpy(term.value(model, batch, outputs, False))
        np.testing.assert_allclose(found, part, rtol=1e-4, atol=1e-5)


def test_an_epoch_whose_last_batch_is_one_row_stays_finite() -> None:
    model = model_of()
    history = model.fit(X[:13], batch_size=6, epochs=2, verbose=0).history
    assert all(np.isfinite(of).all() for of in history.values())


def test_a_score_has_the_rate_of_each_row_and_not_of_its_batch() -> None:
    model = model_of(24)
    vae = keras_ae.create("vae", input_shape=(6,), latent_dim=2, hidden=[4])
    for ours, theirs in zip(vae.trainable_variables, model.trainable_variables, strict=True):
        ours.assign(theirs)
    np.testing.assert_allclose(model.score(X[:5]), vae.score(X)[:5], rtol=1e-5)


# What is refused.


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("estimator", "monte_carlo"),
        ("estimator", None),
        ("dataset_size", 0),
        ("dataset_size", 2.5),
        ("weight", -1.0),
    ],
)
def test_an_impossible_argument_is_refused(term: Any, option: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"`{option}` must"):
        term(**{"weight": 1.0, option: wrong})


@pytest.mark.parametrize("term", TERMS)
def test_codes_without_normal_posteriors_are_refused(term: Any) -> None:
    def make(bottleneck: Any, prior: Any) -> None:
        objective = [Reconstruction(), term(1.0)]
        keras_ae.LatentModel((6,), bottleneck=bottleneck, objective=objective, prior=prior)

    with pytest.raises(ValueError, match="Hyperspherical"):
        make(Hyperspherical(3), "hyperspherical_uniform")
    if term is DimensionWiseKL:
        with pytest.raises(ValueError, match="needs a model with a prior"):
            make(Gaussian(2), None)
