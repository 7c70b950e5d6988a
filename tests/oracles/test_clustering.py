"""DEC (Xie et al., 2016), IDEC (Guo et al., 2017) and DCN (Yang et al., 2017) in NumPy."""

from __future__ import annotations

import functools
import itertools
import pathlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special, stats
from scipy.spatial import distance
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

import keras_ae
from keras_ae.estimators import Clusterer, load
from keras_ae.objectives import ClusterDistance, ClusterDivergence
from tests.gradients import gradient, weight_gradients

RNG = np.random.default_rng(11)
X = RNG.normal(size=(40, 4)).astype("f4")
CODES = RNG.normal(size=(40, 2)).astype("f4")
OLD = np.array([[1.0, 0.5], [-1.0, 0.25], [0.0, -1.5]])
NEW = np.array([[0.75, 1.0], [-1.5, 0.0], [0.25, -0.5]])
COUNTS = np.array([4.0, 2.0, 3.0])
TRUTH = np.repeat(np.arange(3), 50)
TABLE = (RNG.normal(size=(150, 5)) + 6 * RNG.normal(size=(3, 5))[TRUTH]).astype("f4")
WITH_OTHERS = np.concatenate([TABLE, 100 + TABLE[:50]])
ALL_BUT_THEM = np.repeat([1.0, 0.0], [150, 50])
GAPS = np.where(RNG.random(X.shape) < 0.3, np.nan, X).astype("f4")
SHARING, ALL = ("dec", "idec"), ("dec", "idec", "dcn")
LABELLED = {"condition": {"name": "label", "categories": 3}}
ROWS: dict[str, tuple[Any, dict[str, Any]]] = {
    "plain": (X, {}),
    "one": (X[:1], {}),
    "repeated": (np.concatenate([X, np.repeat(X[:1], 20, 0)]), {}),
    "labelled": ({"x": X, "condition": np.arange(40) % 3}, LABELLED),
    "scaled": (50 + 9 * X, {"normalize": "standard"}),
    "gaps": (GAPS, {"missing": "mask"}),
    "scaled gaps": (50 + 9 * GAPS, {"missing": "mask", "normalize": "standard"}),
}
numpy = ops.convert_to_numpy
same = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)


def squares(codes: Any, centres: np.ndarray) -> np.ndarray:
    return distance.cdist(np.asarray(codes, "f8"), centres, "sqeuclidean")


def student(codes: Any, centres: np.ndarray) -> np.ndarray:
    """Equation 1 of DEC, alpha = 1."""
    kernel = 1 / (1 + squares(codes, centres))
    return kernel / kernel.sum(1, keepdims=True)


def sharper(shares: np.ndarray, frequencies: Any = None) -> np.ndarray:
    """Equation 3 of DEC."""
    raised = shares**2 / (shares.sum(0) if frequencies is None else frequencies)
    return raised / raised.sum(1, keepdims=True)


def divergence(target: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Equation 2 of DEC, of each row."""
    return special.rel_entr(target, shares).sum(1)


def pulls(target: np.ndarray, codes: Any, centres: np.ndarray) -> np.ndarray:
    """Return (1 + |z_i - mu_j|^2)^-1 (p_ij - q_ij) (z_i - mu_j), of equations 4 and 5."""
    factor = (target - student(codes, centres)) / (1 + squares(codes, centres))
    return factor[:, :, None] * (np.asarray(codes, "f8")[:, None] - centres)


def made(name: str, x: Any = X, hidden: Any = (8,), **options: Any) -> Any:
    """Return a model of random weights that has not been trained."""
    width = np.shape(x["x"] if isinstance(x, dict) else x)[1]
    given = {"latent_dim": 2, "clusters": 3, "pretrain_epochs": 0, "tolerance": 0.0, **options}
    model = keras_ae.create(name, input_shape=(width,), hidden=list(hidden), **given)
    rng = np.random.default_rng(5)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(scale=0.5, size=tuple(weight.shape)))
    if given["clusters"] == 3:
        model.bottleneck.put(OLD, COUNTS)
    model.compile(keras.optimizers.SGD(0.0))
    model.adapt(x)
    return model


def plane(name: str, **options: Any) -> Any:
    """Return a model whose code is the row itself."""
    model = made(name, CODES, (), **options)
    for weight in model.trainable_variables:
        if "/code/" in weight.path:
            weight.assign(np.eye(2) if weight.path.endswith("kernel") else np.zeros(2))
    return model


def term(model: Any) -> Any:
    return next(t for t in model.objective if isinstance(t, ClusterDivergence | ClusterDistance))


def values(model: Any, x: Any, training: bool = False) -> np.ndarray:
    return numpy(term(model).value(model, model.batch(x), model(x), training))


def centres(model: Any) -> np.ndarray:
    return numpy(model.bottleneck.centres).astype("f8")


def shares_of(model: Any, x: Any) -> np.ndarray:
    return student(model.encode(x), centres(model))


def shaken(name: str, x: Any = X, to: np.ndarray = NEW, **options: Any) -> tuple[Any, np.ndarray]:
    """Return a model that moved since its target was taken, and NumPy's target."""
    model = plane(name, **options) if x is CODES else made(name, x, **options)
    target = sharper(shares_of(model, x))
    if name != "dcn":
        term(model).renew(model, model.responsibilities(x))
    for weight in model.trainable_variables if x is not CODES else ():
        weight.assign(1.2 * numpy(weight))
    model.bottleneck.put(to, COUNTS)
    return model, target


def slope(model: Any, x: np.ndarray) -> np.ndarray:
    """Return the gradient of the term, summed over rows, of codes that are those of x."""
    batch, value = model.batch(x), term(model).value
    return gradient(lambda z: ops.sum(value(model, batch, model.bottleneck(z), False)), x)


def weight_slope(model: Any, x: np.ndarray, path: str) -> np.ndarray:
    weights = [w for w in model.trainable_variables if w.path.endswith(path)]
    return weight_gradients(lambda: model.compute_loss(x, None, model(x)), weights)[0]


@pytest.fixture(params=["float32", "mixed_float16", "mixed_bfloat16"])
def policy(request: pytest.FixtureRequest) -> Iterator[str]:
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("training", [None, False, True])
@pytest.mark.parametrize("name", SHARING)
def test_shares_are_students_t_of_codes_around_centres(name: str, training: bool | None) -> None:
    model = made(name)
    found = model.responsibilities(X) if training is None else model(X, training=training)["shares"]
    same(numpy(found), shares_of(model, X))


def test_shares_depend_on_how_far_a_code_is_from_centres_alone() -> None:
    model, codes = plane("dec"), np.round(CODES * 64) / 64  # exact in float32 there too
    model.bottleneck.put(OLD + 8192, COUNTS)
    same(model.responsibilities((codes + 8192).astype("f4")), student(codes, OLD))


def test_shares_are_float32_under_any_policy(policy: str) -> None:
    model = made("idec")
    found, outputs = model.responsibilities(X), model(X)
    assert (found.dtype, numpy(outputs["shares"]).dtype) == (np.float32, np.float32)
    same(found.sum(1), 1.0)
    same(found, student(numpy(ops.cast(outputs["latent"], "float32")), OLD), rtol=0.02)


def test_the_target_is_equation_3_with_frequencies_of_all_rows() -> None:
    model = plane("dec")
    shares, other = student(CODES, OLD), student(CODES[:7] + 1, NEW)
    term(model).renew(model, shares.astype("f4"))
    found = numpy(term(model).target(ops.convert_to_tensor(other.astype("f4"))))
    same(found, sharper(other, shares.sum(0)))


def test_a_cluster_in_which_no_row_has_a_share_is_no_target() -> None:
    model, shares = plane("dec"), np.array([[0.5, 0.5], [0.25, 0.75]])
    both = np.concatenate([shares, np.zeros((2, 1))], 1).astype("f4")
    term(model).renew(model, both)
    found = numpy(term(model).target(ops.convert_to_tensor(both)))
    same(found, np.concatenate([sharper(shares), np.zeros((2, 1))], 1))


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("name", SHARING)
def test_the_term_is_the_divergence_from_where_the_model_was(name: str, kind: str) -> None:
    x, options = ROWS[kind]
    model, target = shaken(name, x, **options)
    wanted = divergence(target, shares_of(model, x))
    assert wanted.mean() > 0.02
    same(values(model, x, training=True), wanted, rtol=1e-3)


@pytest.mark.parametrize("rows", [slice(0, 1), slice(3, 9), slice(39, None, -1)], ids=str)
def test_the_target_does_not_depend_on_which_rows_share_a_batch(rows: slice) -> None:
    model, _ = shaken("idec")
    same(values(model, X[rows]), values(model, X)[rows])


def test_codes_are_of_scaled_rows_in_which_gaps_hold_nothing() -> None:
    model = made("dec", ROWS["scaled gaps"][0], (), **ROWS["scaled gaps"][1])
    kernel, bias = (numpy(w) for w in model.trainable_variables if "/code/" in w.path)
    scaled = np.nan_to_num(stats.zscore(GAPS.astype("f8"), nan_policy="omit"))
    same(model.encode(ROWS["scaled gaps"][0]), scaled @ kernel + bias, rtol=1e-3)


@pytest.mark.parametrize("to", [NEW, np.ones((3, 2)), CODES[:3]], ids=["apart", "equal", "codes"])
def test_the_gradient_of_codes_is_equation_4(to: np.ndarray) -> None:
    model, target = shaken("dec", CODES, to)
    same(slope(model, CODES), 2 * pulls(target, CODES, to).sum(1))


@pytest.mark.parametrize(("name", "weight"), [("dec", 1.0), ("idec", 0.05)])
def test_the_gradient_of_centres_is_equation_5(name: str, weight: float) -> None:
    model, target = shaken(name, CODES)
    wanted = -2 * weight * pulls(target, CODES, NEW).mean(0)
    same(weight_slope(model, CODES, "/centres"), wanted, atol=1e-6)


def test_the_encoder_learns_by_equation_4_alone() -> None:
    model, target = shaken("dec", CODES)
    wanted = CODES.T @ (2 * pulls(target, CODES, NEW).sum(1)) / len(CODES)
    same(weight_slope(model, CODES, "code/kernel"), wanted, atol=1e-6)


def test_the_gradient_of_the_distance_leads_away_from_a_centre_held_fixed() -> None:
    same(slope(plane("dcn"), CODES), CODES - OLD[squares(CODES, OLD).argmin(1)])


@pytest.mark.parametrize("name", ALL)
def test_far_codes_have_finite_terms_and_gradients(name: str, policy: str) -> None:
    model, far = shaken(name, CODES)[0], 1e4 * CODES
    assert np.isfinite(values(model, far)).all()
    assert np.isfinite(slope(model, far)).all()


TOTALS = {  # name, options, weights of the squared error and of the other sum
    "dec": ("dec", {}, 0.0, 2.0),
    "idec": ("idec", {}, 1.0, 0.1),
    "idec of gamma 3": ("idec", {"gamma": 3.0}, 1.0, 3.0),
    "dcn of lambda 0": ("dcn", {"strength": 0.0}, 1.0, 0.0),
    "dcn of lambda 5": ("dcn", {"strength": 5.0}, 1.0, 2.5),
}


@pytest.mark.parametrize("kind", TOTALS)
@pytest.mark.parametrize("weights", [None, RNG.random(40).astype("f4")], ids=["", "weighted"])
def test_the_total_is_half_of_the_papers_and_what_a_normal_adds(kind: str, weights: Any) -> None:
    name, options, squared, weight = TOTALS[kind]
    model, target = shaken(name, **options)
    error, codes = ((X - model.reconstruct(X)) ** 2).sum(1), model.encode(X)
    part = squares(codes, NEW).min(1) if name == "dcn" else divergence(target, student(codes, NEW))
    rows = squared * (error + X.shape[1] * np.log(2 * np.pi)) + weight * part
    wanted = np.mean(rows * (1 if weights is None else weights)) / 2
    found = model.compute_loss(X, None, model(X), sample_weight=weights, training=False)
    assert float(numpy(found)) == pytest.approx(wanted, rel=1e-4)


def counted(codes: np.ndarray, start: np.ndarray = OLD) -> tuple[np.ndarray, np.ndarray]:
    """Equation 8 of DCN, row after row, to the clusters that were nearest at first."""
    found, counts = start.copy(), COUNTS.copy()
    for code, k in zip(codes, squares(codes, start).argmin(1), strict=True):
        counts[k] += 1
        found[k] -= (found[k] - code) / counts[k]
    return found, counts


@pytest.mark.parametrize("kind", ROWS)
def test_a_row_belongs_to_the_nearest_centre(kind: str) -> None:
    x, options = ROWS[kind]
    model = made("dcn", x, **options)
    apart = squares(model.encode(x), OLD)
    np.testing.assert_array_equal(model.responsibilities(x), np.eye(3)[apart.argmin(1)])
    same(numpy(model(x)["centre"]), OLD[apart.argmin(1)])
    same(values(model, x), apart.min(1) / 2)


def test_a_row_as_near_to_two_centres_belongs_to_one() -> None:
    model = plane("dcn")
    model.bottleneck.put(np.ones((3, 2)), COUNTS)
    np.testing.assert_array_equal(np.sort(model.responsibilities(CODES)), [[0, 0, 1]] * 40)


@pytest.mark.parametrize("rows", [1, 40])
@pytest.mark.parametrize("start", [OLD, OLD * [[1], [1], [50]]], ids=["", "one without rows"])
def test_centres_move_by_equation_8_after_the_step_is_measured(rows: int, start: Any) -> None:
    model = made("dcn")
    model.bottleneck.put(start, COUNTS)
    codes = model.encode(X[:rows])
    logs = model.train_on_batch(X[:rows], return_dict=True)
    found, counts = counted(codes, start)
    assert float(logs["cluster_distance"]) == pytest.approx(squares(codes, start).min(1).mean() / 2)
    same(centres(model), found)
    np.testing.assert_array_equal(numpy(model.bottleneck.counts), counts)


def test_measuring_moves_no_centre() -> None:
    model = made("dcn")
    model.evaluate(X, verbose=0)
    np.testing.assert_array_equal(centres(model), OLD)


def test_a_row_of_weight_zero_moves_no_centre() -> None:
    model = made("dcn")
    wanted, _ = counted(model.encode(X[:20]))
    model.train_on_batch(X, sample_weight=np.repeat([1.0, 0.0], 20))
    same(centres(model), wanted)


def fitted(name: str, x: Any = TABLE, rate: float = 0.0, fit: Any = None, **options: Any) -> Any:
    model = made(name, x, **options)
    model.compile(keras.optimizers.Adam(rate) if rate else keras.optimizers.SGD(0.0))
    model.fit(x, batch_size=64, verbose=0, **(fit or {}))
    return model


still = functools.cache(fitted)


def inertia(codes: np.ndarray, around: np.ndarray) -> float:
    """Return the squared distances from centres, as a multiple of what scikit-learn reaches."""
    best = KMeans(len(around), n_init=20, random_state=0).fit(codes).inertia_
    return float(squares(codes, around).min(1).sum() / best)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "clusters"), [("dec", 3), ("dcn", 3), ("idec", 9)])
def test_centres_start_as_well_as_scikit_learns_kmeans(name: str, clusters: int) -> None:
    model = still(name, clusters=clusters)
    assert inertia(model.encode(TABLE), centres(model)) < 1.03


@pytest.mark.slow
def test_a_still_network_counts_each_row_in_kmeans_and_in_its_epoch() -> None:
    model = still("dcn", clusters=3)
    same(numpy(model.bottleneck.counts), 2 * model.responsibilities(TABLE).sum(0))


@pytest.mark.slow
def test_pretraining_learns_to_reconstruct() -> None:
    model = fitted("dec", pretrain_epochs=20, pretrain_batch_size=16)
    found, before = (((TABLE - m.reconstruct(TABLE)) ** 2).mean() for m in (model, still("dec")))
    assert found < 0.5 * before


@pytest.mark.slow
def test_the_first_epoch_has_the_target_of_the_start() -> None:
    shares = shares_of(still("dec"), TABLE)
    wanted = divergence(sharper(shares), shares).mean()
    assert still("dec").history.history["loss"] == pytest.approx([wanted], rel=1e-3)


@pytest.mark.slow
def test_rows_of_weight_zero_are_not_where_centres_start() -> None:
    model = fitted("dec", WITH_OTHERS, fit={"sample_weight": ALL_BUT_THEM})
    assert len(set(model.responsibilities(TABLE).argmax(1))) == 3


@pytest.mark.slow
@pytest.mark.parametrize(("name", "held"), [("dec", 0.0), ("idec", 0.0), ("dec", 0.4)])
def test_an_epoch_renews_the_target_from_all_rows_that_train(name: str, held: float) -> None:
    model = fitted(name, rate=0.05, fit={"validation_split": held})
    shares = shares_of(model, TABLE)
    frequencies = shares[: int(150 * (1 - held))].sum(0)
    same(values(model, TABLE), divergence(sharper(shares, frequencies), shares), rtol=1e-3)


@pytest.mark.slow
def test_dec_leaves_its_decoder_and_within_an_epoch_its_target() -> None:
    model = fitted("dec", rate=0.05)
    target, before = sharper(shares_of(model, TABLE)), made("dec", TABLE).decoder.get_weights()
    model.train_on_batch(TABLE)
    same(values(model, TABLE), divergence(target, shares_of(model, TABLE)), rtol=1e-3)
    for one, other in zip(model.decoder.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_a_loaded_model_goes_on_where_it_was(name: str, tmp_path: pathlib.Path) -> None:
    model = fitted(name, rate=0.05, pretrain_epochs=1)
    model.train_on_batch(TABLE)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(values(loaded, TABLE), values(model, TABLE))
    for one in (model, loaded):
        one.fit(TABLE, epochs=1, shuffle=False, batch_size=50, verbose=0)
    same(centres(loaded), centres(model))
    same(values(loaded, TABLE), values(model, TABLE))


@pytest.mark.slow
def test_a_second_fit_starts_no_autoencoder_and_no_kmeans() -> None:
    model = fitted("idec", pretrain_epochs=1)
    codes = model.encode(TABLE)
    model.bottleneck.put(OLD, COUNTS)
    model.fit(TABLE, verbose=0)
    np.testing.assert_array_equal(model.encode(TABLE), codes)
    np.testing.assert_array_equal(centres(model), OLD)


@pytest.mark.parametrize("tolerance", [0.0, 0.025])
@pytest.mark.parametrize("name", ALL)
def test_training_stops_when_fewer_rows_move_than_the_tolerance(name: str, tolerance: Any) -> None:
    model, labels = made(name, TABLE, tolerance=tolerance), []
    model.compile(keras.optimizers.Adam(0.1))
    note = lambda *_: labels.append(model.responsibilities(TABLE).argmax(1))  # noqa: E731
    watch = keras.callbacks.LambdaCallback(on_train_begin=note, on_epoch_end=note)
    model.fit(TABLE, epochs=8, batch_size=32, callbacks=[watch], verbose=0)
    moved = [(a != b).mean() for a, b in itertools.pairwise(labels)]
    assert len(moved) == next((i for i, share in enumerate(moved, 1) if share < tolerance), 8)


@functools.cache
def divided(model: str) -> Clusterer:
    return Clusterer(3, model=model, epochs=40, latent_dim=2, random_state=0).fit(TABLE)


@pytest.mark.slow
@pytest.mark.parametrize("model", [*ALL, "autoencoder"])
def test_clusters_are_those_that_made_the_rows(model: str) -> None:
    assert adjusted_rand_score(TRUTH, divided(model).labels_) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("model", [*ALL, "autoencoder"])
def test_a_rows_cluster_is_that_of_its_largest_probability(model: str) -> None:
    one = divided(model)
    probabilities, codes = one.predict_proba(TABLE), one.transform(TABLE)
    around = one.centres_ if model == "autoencoder" else centres(one.model_)
    hard = np.eye(3)[squares(codes, around).argmin(1)]
    same(probabilities, hard if model == "dcn" else student(codes, around))
    np.testing.assert_array_equal([one.predict(TABLE), one.labels_], [hard.argmax(1)] * 2)


@pytest.mark.slow
def test_an_autoencoders_codes_are_divided_as_by_scikit_learns_kmeans() -> None:
    one = divided("autoencoder")
    assert inertia(one.transform(TABLE), one.centres_) == pytest.approx(1.0, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["idec", "autoencoder"])
def test_a_clusterer_survives_saving(model: str, tmp_path: pathlib.Path) -> None:
    loaded = load(divided(model).save(tmp_path / "clusterer"))
    same(loaded.predict_proba(TABLE), divided(model).predict_proba(TABLE))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["idec", "autoencoder"])
def test_a_table_with_rows_of_weight_zero_is_divided_as_without(model: str) -> None:
    found = clone(divided(model)).fit(WITH_OTHERS, sample_weight=ALL_BUT_THEM)
    np.testing.assert_array_equal(found.predict(TABLE), divided(model).labels_)


@pytest.mark.slow
def test_rows_of_weight_zero_have_labels_too() -> None:
    one = clone(divided("autoencoder")).fit(TABLE, sample_weight=np.arange(150) % 2)
    np.testing.assert_array_equal(one.labels_, one.predict(TABLE))
