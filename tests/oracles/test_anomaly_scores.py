"""Every score against NumPy and SciPy, in float64 from the same float32 features."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pytest
import scipy.stats
from keras import ops
from scipy.spatial import distance

import keras_ae
from keras_ae.estimators.scores import (
    Bound,
    Combined,
    Likelihood,
    Mahalanobis,
    Neighbours,
    Reconstruction,
    Score,
    ScoredModel,
)
from keras_ae.estimators.scores.features import features_of

RNG = np.random.default_rng(7)
WIDTH = 4
NEAR = 1e-3  # what a distance may be off, in deviations
NAMES = ("code", "row", "residual", "likelihood", "bound")
X = RNG.normal(size=(60, WIDTH)).astype("f4")
MIXING = RNG.normal(size=(4, 4))
CODES = (RNG.normal(size=(300, 4)) @ MIXING + 5).astype("f4")
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "autoencoder": ("autoencoder", {}),
    "narrow": ("autoencoder", {"likelihood": {"name": "gaussian", "scale": 0.5}}),
    "masked": ("autoencoder", {"missing": "mask"}),
    "binary": ("autoencoder", {"likelihood": "bernoulli"}),
    "denoising": ("denoising_autoencoder", {}),
    "vae": ("vae", {}),
    "beta_vae": ("beta_vae", {"beta": 4.0}),
}


@functools.cache
def made(name: str) -> Any:
    """Return a model none of whose weights is zero, as if it were trained."""
    variant, options = MODELS[name]
    model = keras_ae.create(variant, input_shape=(WIDTH,), latent_dim=2, hidden=[8], **options)
    rng = np.random.default_rng(3)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(scale=0.5, size=tuple(weight.shape)))
    return model


def features(model: Any, x: Any, names: Any = NAMES) -> dict[str, np.ndarray]:
    found = features_of(model, ops.convert_to_tensor(x), names)
    return {name: ops.convert_to_numpy(value) for name, value in found.items()}


def value(score: Score, **given: Any) -> np.ndarray:
    arrays = {name: np.asarray(rows, "f4") for name, rows in given.items()}
    found = score.value({name: ops.convert_to_tensor(rows) for name, rows in arrays.items()})
    assert tuple(found.shape) == (len(next(iter(arrays.values()))),)
    return ops.convert_to_numpy(found)


def nearest_other(rows: Any, references: Any, scale: Any = 1.0) -> np.ndarray:
    """Return SciPy's distances to the nearest, of which one may be the row itself."""
    rows, references = (np.asarray(a, "f8") / scale for a in (rows, references))
    found = np.sort(distance.cdist(rows, references), 1)
    return np.where(found[:, 0] > 1e-9, found[:, 0], found[:, :2][:, -1])


def mahalanobis(rows: Any, codes: Any) -> np.ndarray:
    codes = np.asarray(codes, "f8")
    inverse = np.linalg.inv(np.cov(codes, rowvar=False, ddof=0))
    return np.array([distance.mahalanobis(row, codes.mean(0), inverse) for row in rows])


def side_by_side(found: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([found["row"], found["residual"]], 1)


def oracle(kind: type[Score], rows: Any, training: Any) -> np.ndarray:
    """Return scores of rows by their features and those of training, in float64."""
    if kind is Reconstruction:
        return np.sqrt((rows["residual"].astype("f8") ** 2).sum(1))
    if kind is Mahalanobis:
        return mahalanobis(rows["code"], training["code"])
    if kind is Neighbours:
        deviations = training["code"].astype("f8").std(0)
        return nearest_other(rows["code"], training["code"], deviations)
    if kind is Combined:
        return nearest_other(side_by_side(rows), side_by_side(training))
    return rows["bound" if kind is Bound else "likelihood"].astype("f8")


# What scores are made of.


@pytest.mark.parametrize("name", ["autoencoder", "denoising", "vae"])
def test_codes_are_the_models_own(name: str) -> None:
    found = features(made(name), X, ["code"])["code"]
    np.testing.assert_allclose(found, made(name).encode(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["autoencoder", "denoising", "vae"])
def test_residuals_are_what_the_models_own_reconstructions_leave(name: str) -> None:
    found, reconstruction = features(made(name), X, NAMES[1:3]), made(name).reconstruct(X)
    np.testing.assert_array_equal(found["row"], X)
    np.testing.assert_allclose(found["residual"], X - reconstruction, rtol=1e-5, atol=1e-5)
    assert {part.dtype.name for part in found.values()} == {"float32"}


def test_a_missing_entry_has_no_residual_and_no_nats() -> None:
    model = made("masked")
    gaps = RNG.random(X.shape) < 0.3
    x = np.where(gaps, np.nan, X).astype("f4")
    found, reconstruction = features(model, x, NAMES[1:4]), model.reconstruct(x)
    wanted = np.where(gaps, 0.0, X - reconstruction)
    assert (found["residual"][gaps] == 0).all()
    np.testing.assert_allclose(found["residual"], wanted, rtol=1e-5, atol=1e-5)
    nats = -np.where(gaps, 0.0, scipy.stats.norm.logpdf(X, reconstruction)).sum(1)
    np.testing.assert_allclose(found["likelihood"], nats, rtol=1e-5)
    score = Reconstruction.fitted(model, {"residual": found["residual"]})
    got = value(score, residual=found["residual"])
    np.testing.assert_allclose(got, np.linalg.norm(wanted, axis=1), rtol=1e-5)


# Nats.


@pytest.mark.parametrize(
    ("name", "scale"),
    [("autoencoder", 1.0), ("narrow", 0.5), ("denoising", 1.0), ("vae", 1.0), ("beta_vae", 1.0)],
)
def test_the_likelihood_is_scipys_at_the_reconstruction(name: str, scale: float) -> None:
    model = made(name)
    found = features(model, X, ["likelihood"])
    wanted = -scipy.stats.norm.logpdf(X.astype("f8"), model.reconstruct(X), scale).sum(1)
    np.testing.assert_allclose(value(Likelihood.fitted(model, found), **found), wanted, rtol=1e-5)


def test_the_likelihood_of_binary_rows_is_a_bernoullis() -> None:
    model, x = made("binary"), (X > 0).astype("f4")
    found = features(model, x, ["likelihood"])
    wanted = -scipy.stats.bernoulli.logpmf(x, model.reconstruct(x).astype("f8")).sum(1)
    np.testing.assert_allclose(value(Likelihood.fitted(model, found), **found), wanted, rtol=1e-4)


@pytest.mark.parametrize("name", ["vae", "beta_vae"])
def test_the_bound_adds_the_divergence_from_the_prior_without_a_weight(name: str) -> None:
    """KL(N(mu, sigma) || N(0, 1)) = (sigma^2 + mu^2 - 1) / 2 - log sigma."""
    model = made(name)
    found, posterior = features(model, X, ["likelihood", "bound"]), model.posterior(X)
    mean, log_variance = (posterior[key].astype("f8") for key in ("mean", "log_var"))
    divergence = ((np.exp(log_variance) + mean**2 - 1 - log_variance) / 2).sum(1)
    likelihood = -scipy.stats.norm.logpdf(X.astype("f8"), model.reconstruct(X)).sum(1)
    got = value(Bound.fitted(model, {"bound": found["bound"]}), bound=found["bound"])
    np.testing.assert_allclose(got, likelihood + divergence, rtol=1e-5)
    np.testing.assert_allclose(found["bound"] - found["likelihood"], divergence, atol=1e-4)


def test_there_is_no_bound_without_a_prior() -> None:
    model = made("autoencoder")
    with pytest.raises(ValueError, match="divergence from a prior.*Received: `autoencoder`"):
        Bound.fitted(model, features(model, X, ["bound"]))


# Lengths and distances. What is made of codes alone asks nothing of a model.


def test_the_reconstruction_error_is_the_residuals_length() -> None:
    found = value(Reconstruction.fitted(None, {"residual": CODES}), residual=CODES)
    np.testing.assert_allclose(found, np.linalg.norm(CODES.astype("f8"), axis=1), rtol=1e-6)
    assert (value(Reconstruction(), residual=np.zeros((2, 3))) == 0).all()


def around(codes: np.ndarray, count: int) -> np.ndarray:
    """Return some of the codes, and as many that are about a deviation from them."""
    moved = codes[:count] + codes.std(0) * RNG.normal(size=(count, codes.shape[1]))
    return np.concatenate([codes[:count], moved]).astype("f4")


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_mahalanobis_is_scipys_in_any_unit(unit: float) -> None:
    codes = (CODES * unit).astype("f4")
    rows = around(codes, 20)
    got = value(Mahalanobis.fitted(None, {"code": codes}), code=rows)
    np.testing.assert_allclose(got, mahalanobis(rows, codes), rtol=1e-3)


@pytest.mark.parametrize("units", [(1.0, 10.0, 0.1, 3.0), (1.0, 1e3, 1.0, 1.0)], ids=str)
def test_mahalanobis_is_scipys_where_each_number_has_a_unit_of_its_own(units: Any) -> None:
    codes = (CODES * np.array(units)).astype("f4")
    rows = around(codes, 20)
    got = value(Mahalanobis.fitted(None, {"code": codes}), code=rows)
    np.testing.assert_allclose(got, mahalanobis(rows, codes), rtol=1e-2)


def test_mahalanobis_of_one_number_is_its_standard_score() -> None:
    codes = CODES[:, :1]
    got = value(Mahalanobis.fitted(None, {"code": codes}), code=codes)
    np.testing.assert_allclose(got, abs(scipy.stats.zscore(codes.astype("f8")))[:, 0], atol=1e-5)


def test_mahalanobis_of_codes_that_span_less_is_that_of_what_they_span() -> None:
    whole = np.round(CODES[:, :3] * 16) / 16  # so that sums are exact
    codes = np.concatenate([whole, whole[:, :1] + whole[:, 1:2], np.full((300, 1), 7.0)], 1)
    score = Mahalanobis.fitted(None, {"code": codes.astype("f4")})
    np.testing.assert_allclose(value(score, code=codes), mahalanobis(whole, whole), rtol=1e-3)
    beside = codes[:10] + np.eye(5)[3]  # where no code of training is
    assert np.isfinite(value(score, code=beside)).all()
    assert (value(score, code=beside) > 10 * value(score, code=codes[:10])).all()


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_mahalanobis_of_few_or_equal_codes_is_finite(rows: int) -> None:
    codes = CODES[:rows] if rows < 30 else np.repeat(CODES[:1], rows, 0)
    got = value(Mahalanobis.fitted(None, {"code": codes}), code=CODES)
    assert np.isfinite(got).all()
    if rows != 2:
        assert got[0] == pytest.approx(0.0, abs=NEAR)
        assert (got[1:] > 1).all()


@pytest.mark.parametrize("offset", [0.0, 20.0])
@pytest.mark.parametrize("unit", [1.0, (1.0, 100.0, 0.01)])
def test_neighbours_are_scipys_nearest_others_in_deviations(offset: float, unit: Any) -> None:
    codes = ((RNG.normal(size=(400, 3)) + offset) * np.asarray(unit)).astype("f4")
    rows = around(codes, 50)
    got = value(Neighbours.fitted(None, {"code": codes}), code=rows)
    wanted = nearest_other(rows, codes, codes.astype("f8").std(0))
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=NEAR)


@pytest.mark.parametrize("offset", [0.0, 20.0])
def test_a_quick_distance_is_scipys_and_of_a_near_row_there_is_none(offset: float) -> None:
    codes = (RNG.normal(size=(300, 6)) + offset).astype("f4")
    rows = np.concatenate([codes[:5], codes[5:10] + 0.01, 9 * RNG.normal(size=(40, 6)) + offset])
    score = Neighbours.fitted(None, {"code": codes})
    found = ops.convert_to_numpy(score.quick({"code": ops.convert_to_tensor(rows.astype("f4"))}))
    assert np.isnan(found[:10]).all()
    is_told = ~np.isnan(found)
    assert is_told.sum() > 20
    wanted = nearest_other(rows.astype("f4"), codes, codes.astype("f8").std(0))
    np.testing.assert_allclose(found[is_told], wanted[is_told], rtol=1e-5)


def test_of_equal_references_each_counts() -> None:
    codes = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 4.0], [-6.0, 8.0]], "f4")
    rows = np.array([[0.0, 0.0], [3.0, 4.0], [-6.0, 8.0], [3.0, 5.0]], "f4")
    x, y = codes.astype("f8").std(0)
    wanted = [np.hypot(3 / x, 4 / y), 0.0, np.hypot(9 / x, 4 / y), 1 / y]
    got = value(Neighbours.fitted(None, {"code": codes}), code=rows)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=NEAR)


def test_one_reference_is_compared_with_even_if_it_is_the_row() -> None:
    reference, row = np.array([[1.0, 2.0]], "f4"), np.array([[4.0, 6.0], [1.0, 2.0]], "f4")
    got = value(Neighbours.fitted(None, {"code": reference}), code=row)
    np.testing.assert_allclose(got, [5.0, 0.0], atol=NEAR)
    pair = {"row": reference, "residual": reference}
    got = value(Combined.fitted(None, pair), row=row, residual=row)
    np.testing.assert_allclose(got, [np.sqrt(50), 0.0], atol=NEAR)


def test_a_number_that_never_changed_is_compared_in_its_own_unit() -> None:
    codes = np.stack([CODES[:, 0], np.full(300, 7.0, "f4")], 1)
    row = codes[:1] + np.array([[0.0, 0.5]], "f4")
    got = value(Neighbours.fitted(None, {"code": codes}), code=row)
    wanted = nearest_other(row, codes, np.array([codes[:, 0].astype("f8").std(), 1.0]))
    np.testing.assert_allclose(got, wanted, rtol=1e-4)


def test_combined_is_the_distance_in_both_parts_as_they_are() -> None:
    given = {"row": 3 * CODES[:200], "residual": 0.1 * CODES[:200, ::-1]}
    rows = {name: rows[:40] + RNG.normal(size=(40, 4)) * 0.3 for name, rows in given.items()}
    rows = {name: np.concatenate([rows[name], given[name][:10]]).astype("f4") for name in rows}
    wanted = nearest_other(side_by_side(rows), side_by_side(given))
    got = value(Combined.fitted(None, given), **rows)
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=NEAR)


def test_the_distance_is_exact_far_from_the_middle_of_all_too() -> None:
    """Two rows that are alike and at the limit of 20 deviations are not far from each other."""
    given = {"row": 0.1 * CODES, "residual": np.zeros_like(CODES)}
    given["row"][:2] = 20.0
    given["row"][1, 0] -= 0.01
    rows = {name: part[:2] for name, part in given.items()}
    wanted = nearest_other(side_by_side(rows), side_by_side(given))
    np.testing.assert_allclose(wanted, 0.01, rtol=1e-3)
    np.testing.assert_allclose(value(Combined.fitted(None, given), **rows), wanted, atol=NEAR)


@pytest.mark.parametrize("kind", [Neighbours, Combined])
def test_the_first_1000_rows_are_references_and_deviations_are_of_all(kind: Any) -> None:
    codes = RNG.normal(size=(1_100, 2)).astype("f4")
    codes[1_000:] += 50
    rows = codes[[0, 1, 999, 1_000, 1_099]]
    if kind is Neighbours:
        got = value(Neighbours.fitted(None, {"code": codes}), code=rows)
        wanted = nearest_other(rows, codes[:1_000], codes.astype("f8").std(0))
    else:
        given = {"row": codes, "residual": codes[:, :1]}
        got = value(Combined.fitted(None, given), row=rows, residual=rows[:, :1])
        wanted = nearest_other(rows[:, [0, 1, 0]], codes[:1_000][:, [0, 1, 0]])
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=NEAR)


# A model with its score.

CASES = [
    ("autoencoder", Combined),
    ("autoencoder", Mahalanobis),
    ("denoising", Reconstruction),
    ("vae", Neighbours),
    ("vae", Likelihood),
    ("vae", Bound),
]


@functools.cache
def scored(name: str, kind: type[Score]) -> ScoredModel:
    return ScoredModel.fitted(kind, made(name), X, np.random.default_rng(0))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_scores_are_numpys_of_the_features(name: str, kind: type[Score]) -> None:
    rows = np.concatenate([X[:20], 3 * RNG.normal(size=(20, WIDTH)).astype("f4")])
    names = NAMES if name == "vae" else NAMES[:4]
    wanted = oracle(kind, features(made(name), rows, names), features(made(name), X, names))
    got = scored(name, kind).scores(rows)
    assert (got.shape, got.dtype) == ((40,), np.float64)
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=NEAR)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_rows_score_is_of_the_row_alone(name: str, kind: type[Score]) -> None:
    rows = np.concatenate([X, 3 * RNG.normal(size=(540, WIDTH)).astype("f4")])
    model, order = scored(name, kind), RNG.permutation(600)
    found = model.scores(rows)
    for count in (1, 7, 599):
        np.testing.assert_array_equal(model.scores(rows[:count]), found[:count])
    np.testing.assert_allclose(model.scores(rows[order]), found[order], rtol=1e-6, atol=1e-6)
    # Beside rows of huge numbers too.
    beside = np.concatenate([rows[:5], np.full((5, WIDTH), 1e4, "f4")])
    np.testing.assert_array_equal(model.scores(beside)[:5], found[:5])


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_scores_survive_saving(name: str, kind: type[Score], tmp_path: pathlib.Path) -> None:
    model = scored(name, kind)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded.scores(X), model.scores(X), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "kind"), [("denoising", Reconstruction), ("vae", Bound)])
def test_scores_draw_nothing(name: str, kind: type[Score]) -> None:
    model = scored(name, kind)
    found, seeds = [], []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        found += [model.scores(X), model.scores(X)]
        after = ops.convert_to_numpy(keras.random.normal((3,)))
        keras.utils.set_random_seed(seed)
        seeds.append(np.array_equal(after, ops.convert_to_numpy(keras.random.normal((3,)))))
    assert all(np.array_equal(found[0], other) for other in found)
    assert seeds == [True, True]


def test_the_model_is_called_as_it_scores() -> None:
    model = scored("vae", Bound)
    called = ops.convert_to_numpy(model(ops.convert_to_tensor(X)))
    assert called.dtype == np.float32
    np.testing.assert_allclose(called, model.scores(X), rtol=1e-5)
    training = ops.convert_to_numpy(model(ops.convert_to_tensor(X), training=True))
    np.testing.assert_allclose(training, called, rtol=1e-5)
