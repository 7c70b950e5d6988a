"""The penalty of the codes' covariance beside NumPy's own covariance."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.bottlenecks import Gaussian, Hyperspherical
from keras_ae.objectives import InferredPrior, Reconstruction
from keras_ae.typing import Batch

RNG = np.random.default_rng(0)
MEAN = (RNG.normal(size=(7, 3)) @ RNG.normal(size=(3, 3)) + 2.0).astype("float32")
LOG_VAR = RNG.normal(size=(7, 3)).astype("float32")


def value(
    term: InferredPrior,
    mean: np.ndarray = MEAN,
    log_var: np.ndarray = LOG_VAR,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    outputs = {"mean": mean, "log_var": log_var, "latent": 1e3 * mean}
    tensors = {key: ops.convert_to_tensor(array) for key, array in outputs.items()}
    batch = Batch(mean, mean, weight=None if weight is None else ops.convert_to_tensor(weight))
    model = SimpleNamespace(bottleneck=Gaussian(mean.shape[1]))
    return ops.convert_to_numpy(term.value(model, batch, tensors, training=False))


def penalty(covariance: np.ndarray, off_diagonal: float, diagonal: float) -> float:
    """Kumar et al. (2018), equations 6 and 7."""
    on = np.diag(covariance)
    off = covariance - np.diag(on)
    return float(off_diagonal * (off**2).sum() + diagonal * ((on - 1) ** 2).sum())


def covariance_of(kind: str, weight: np.ndarray | None = None) -> np.ndarray:
    mean, log_var = MEAN.astype("f8"), LOG_VAR.astype("f8")
    covariance = np.cov(mean, rowvar=False, bias=True, aweights=weight)
    if kind == "ii":
        covariance = covariance + np.diag(np.average(np.exp(log_var), axis=0, weights=weight))
    return covariance


kinds = pytest.mark.parametrize("kind", ["i", "ii"])


@kinds
def test_it_is_the_squared_distance_of_the_covariance_from_the_identity(kind: Any) -> None:
    wanted = penalty(covariance_of(kind), 2.0, 0.7)
    assert wanted > 1
    found = value(InferredPrior(2.0, 0.7, kind))
    assert found.shape == ()
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize(("kind", "factor"), [("i", 10.0), ("ii", 1.0)])
def test_the_diagonal_counts_ten_times_in_the_first_kind_by_default(
    kind: Any, factor: float
) -> None:
    wanted = penalty(covariance_of(kind), 3.0, 3.0 * factor)
    np.testing.assert_allclose(value(InferredPrior(3.0, kind=kind)), wanted, rtol=1e-5)
    assert InferredPrior(3.0, 0.0, kind).diagonal == 0.0


def test_two_rows_by_hand() -> None:
    """Means (0, 1) and (2, 5): variances 1 and 4, covariance 2; e^log 3 = 3 more in "ii"."""
    mean = np.array([[0, 1], [2, 5]], "float32")
    log_var = np.full((2, 2), np.log(3), "float32")
    first = value(InferredPrior(1.0, 1.0, "i"), mean, log_var)
    second = value(InferredPrior(1.0, 1.0, "ii"), mean, log_var)
    np.testing.assert_allclose(first, 2 * 2**2 + 0 + 3**2, rtol=1e-5)
    np.testing.assert_allclose(second, 2 * 2**2 + 3**2 + 6**2, rtol=1e-5)


def test_the_first_kind_does_not_see_variances_and_neither_the_mean_of_codes() -> None:
    first, second = InferredPrior(2.0, kind="i"), InferredPrior(2.0, kind="ii")
    np.testing.assert_array_equal(value(first), value(first, log_var=LOG_VAR + 1))
    assert abs(value(second) - value(second, log_var=LOG_VAR + 1)) > 0.1
    for term in (first, second):
        np.testing.assert_allclose(value(term), value(term, MEAN + 30), rtol=1e-4)


@kinds
def test_rows_count_by_their_weights(kind: Any) -> None:
    weight = np.array([1, 2, 0, 0.5, 1, 3, 1], "float32")
    term = InferredPrior(2.0, 0.7, kind)
    wanted = penalty(covariance_of(kind, weight), 2.0, 0.7)
    np.testing.assert_allclose(value(term, weight=weight), wanted, rtol=1e-5)
    assert abs(value(term) - wanted) > 0.1


@kinds
def test_a_row_without_weight_is_as_if_it_were_not_there(kind: Any) -> None:
    weight = np.array([1, 1, 0, 1, 1, 0, 1], "float32")
    mean, log_var = MEAN.copy(), LOG_VAR.copy()
    mean[weight == 0] = 100
    log_var[weight == 0] = 9
    kept = weight > 0
    term = InferredPrior(2.0, 0.7, kind)
    with_them = value(term, mean, log_var, weight)
    np.testing.assert_allclose(with_them, value(term, mean[kept], log_var[kept]), rtol=1e-4)


def test_weights_that_are_all_zero_leave_it_finite() -> None:
    assert np.isfinite(value(InferredPrior(), weight=np.zeros(7, "float32")))


@kinds
def test_codes_with_the_priors_covariance_cost_nothing(kind: Any) -> None:
    mean = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], "float32")
    scale = 1.0 if kind == "i" else 0.6
    log_var = np.full((4, 2), np.log(0.64), "float32")
    np.testing.assert_allclose(
        value(InferredPrior(5, 5, kind), scale * mean, log_var), 0, atol=1e-5
    )


def test_row_weights_of_a_fit_reach_it() -> None:
    """The logged penalty of a batch in which rows weigh nothing is that of the others."""
    x = RNG.normal(size=(8, 6)).astype("float32")
    model = keras_ae.create("dip_vae", input_shape=(6,), latent_dim=2, hidden=[4])
    model.compile("sgd")
    weight = np.array([1, 1, 1, 1, 1, 0, 0, 0], "float32")
    one = model.evaluate(x, sample_weight=weight, batch_size=8, verbose=0, return_dict=True)
    other = model.evaluate(x[:5], batch_size=8, verbose=0, return_dict=True)
    assert one["inferred_prior"] == pytest.approx(other["inferred_prior"], rel=1e-4)
    mean = model.posterior(x[:5])["mean"].astype("f8")
    wanted = penalty(np.cov(mean, rowvar=False, bias=True), 10.0, 100.0)
    assert other["inferred_prior"] == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("off_diagonal", -1.0),
        ("off_diagonal", float("nan")),
        ("diagonal", -1.0),
        ("kind", "iii"),
        ("kind", None),
        ("weight", -1.0),
    ],
)
def test_an_impossible_argument_is_refused(option: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"`{option}` must"):
        InferredPrior(**{option: wrong})


def test_codes_without_a_normal_posterior_are_refused() -> None:
    with pytest.raises(ValueError, match="Hyperspherical"):
        keras_ae.LatentModel(
            (6,),
            bottleneck=Hyperspherical(3),
            objective=[Reconstruction(), InferredPrior()],
            prior="hyperspherical_uniform",
        )
