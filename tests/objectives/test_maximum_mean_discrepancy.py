"""The maximum mean discrepancy beside loops over pairs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.bottlenecks import Deterministic, Gaussian
from keras_ae.objectives import MaximumMeanDiscrepancy, Reconstruction
from keras_ae.objectives.maximum_mean_discrepancy import squared_mmd
from keras_ae.priors import StandardNormal
from keras_ae.typing import Batch
from tests.gradients import gradient

RNG = np.random.default_rng(0)
A, B = (RNG.normal(shift, size=(n, 3)).astype("float32") for n, shift in ((5, 0.0), (7, 1.0)))

kernels = pytest.mark.parametrize("kernel", ["imq", "rbf"])


def k(a: np.ndarray, b: np.ndarray, kernel: str, scales: Any) -> float:
    total = 0.0
    for s in scales:
        c, squared = 2 * len(a) * s**2, float(((a - b) ** 2).sum())
        total += c / (c + squared) if kernel == "imq" else np.exp(-squared / c)
    return total


def by_loops(a: np.ndarray, b: np.ndarray, kernel: str, scales: Any) -> float:
    """Gretton et al. (2012), lemma 6, equation 3, for sets of n and m."""
    a, b = a.astype("f8"), b.astype("f8")
    n, m = len(a), len(b)
    first = sum(k(a[i], a[j], kernel, scales) for i in range(n) for j in range(n) if i != j)
    second = sum(k(b[i], b[j], kernel, scales) for i in range(m) for j in range(m) if i != j)
    between = sum(k(x, y, kernel, scales) for x in a for y in b)
    return first / (n * (n - 1)) + second / (m * (m - 1)) - 2 * between / (n * m)


def found(a: np.ndarray, b: np.ndarray, kernel: str, scales: Any = (1.0,)) -> float:
    value = squared_mmd(ops.convert_to_tensor(a), ops.convert_to_tensor(b), kernel, scales)
    assert tuple(value.shape) == ()
    return float(ops.convert_to_numpy(value))


@kernels
@pytest.mark.parametrize("scales", [(1.0,), (0.1, 0.5, 1.0, 2.0, 10.0)])
def test_it_is_the_means_over_pairs(kernel: str, scales: Any) -> None:
    for a, b in ((A, B), (A, B[:5]), (B, A)):
        wanted = by_loops(a, b, kernel, scales)
        assert abs(wanted) > 1e-2
        assert abs(found(a, b, kernel, scales) - wanted) <= 1e-5 * max(1.0, abs(wanted))


@kernels
def test_two_pairs_by_hand(kernel: str) -> None:
    """Codes 0 and 2, draws 1 and 1, C = 2: squared distances 4, 0, and 1 between."""
    a, b = np.array([[0], [2]], "float32"), np.array([[1], [1]], "float32")
    wanted = 2 / 6 + 1 - 2 * 2 / 3 if kernel == "imq" else np.exp(-2) + 1 - 2 * np.exp(-0.5)
    assert found(a, b, kernel) == pytest.approx(wanted, rel=1e-5)


@kernels
def test_it_is_zero_on_average_for_one_distribution_and_positive_for_two(kernel: str) -> None:
    """Within 4 standard errors over 100 pairs of sets, and far above for a shift of 1."""
    rng = np.random.default_rng(7)
    sets = rng.normal(size=(100, 2, 8, 2)).astype("float32")
    same = np.array([found(a, b, kernel) for a, b in sets])
    other = np.array([found(a, b + 1, kernel) for a, b in sets])
    assert abs(same.mean()) < 4 * same.std() / 10
    assert (same < 0).mean() > 0.2  # a biased one is never below zero
    assert other.mean() > 10 * other.std() / 10


@kernels
def test_points_far_from_the_origin_keep_their_distances(kernel: str) -> None:
    """Squares of large numbers would cancel."""
    far = [(a + 100).astype("float32") for a in (A, B)]
    wanted = by_loops(*far, kernel, (1.0,))
    assert found(*far, kernel) == pytest.approx(wanted, abs=1e-4)


@kernels
def test_the_gradient_at_points_that_meet_is_finite_and_right(kernel: str) -> None:
    a = np.concatenate([A, A[:1], B[:1]])
    slope = gradient(lambda z: squared_mmd(z, ops.convert_to_tensor(B), kernel, (0.5, 1.0)), a)
    wanted = np.zeros_like(a, "f8")
    for at in np.ndindex(*a.shape):
        ends = []
        for sign in (1, -1):
            moved = a.astype("f8")
            moved[at] += sign * 1e-5
            ends.append(by_loops(moved, B, kernel, (0.5, 1.0)))
        wanted[at] = (ends[0] - ends[1]) / 2e-5
    np.testing.assert_allclose(slope, wanted, atol=1e-5)
    assert abs(wanted).max() > 1e-2


# The term.


def value(term: MaximumMeanDiscrepancy, codes: np.ndarray, seed: int = 0) -> np.ndarray:
    model = SimpleNamespace(bottleneck=Gaussian(codes.shape[1]), prior=StandardNormal())
    term.noise.reset_evaluation(seed)
    outputs = {"latent": ops.convert_to_tensor(codes)}
    return ops.convert_to_numpy(term.value(model, Batch(codes, codes), outputs, False))


@kernels
def test_the_value_compares_codes_with_as_many_draws_of_the_prior(kernel: Any) -> None:
    term = MaximumMeanDiscrepancy(1.0, kernel, (0.5, 2.0))
    got = value(term, B)
    term.noise.reset_evaluation(0)
    drawn = ops.convert_to_numpy(StandardNormal().sample(B.shape, term.noise))
    assert got.shape == ()
    np.testing.assert_allclose(got, by_loops(B, drawn, kernel, (0.5, 2.0)), rtol=1e-4, atol=1e-5)
    assert abs(got - value(term, B, seed=1)) > 1e-4


def test_the_defaults_are_one_inverse_multiquadric() -> None:
    term = MaximumMeanDiscrepancy()
    got = value(term, A)
    term.noise.reset_evaluation(0)
    drawn = ops.convert_to_numpy(StandardNormal().sample(A.shape, term.noise))
    np.testing.assert_allclose(got, by_loops(A, drawn, "imq", (1.0,)), rtol=1e-4, atol=1e-5)


def test_codes_of_the_prior_cost_nothing_on_average() -> None:
    rng = np.random.default_rng(3)
    sets = rng.normal(size=(200, 8, 2)).astype("float32")
    term = MaximumMeanDiscrepancy()
    values = np.array([value(term, codes, seed) for seed, codes in enumerate(sets)])
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(200)
    shifted = np.array([value(term, codes + 2, seed) for seed, codes in enumerate(sets)])
    assert shifted.mean() > 0.3


def test_a_batch_of_one_row_stays_finite() -> None:
    assert np.isfinite(value(MaximumMeanDiscrepancy(), A[:1]))


def test_a_code_without_a_posterior_can_be_matched() -> None:
    """The Wasserstein autoencoder with a deterministic encoder."""
    x = RNG.normal(size=(17, 6)).astype("float32")
    model = keras_ae.LatentModel(
        (6,),
        bottleneck=Deterministic(2),
        objective=[Reconstruction(), MaximumMeanDiscrepancy(10.0)],
        prior="standard_normal",
        hidden=[4],
    )
    model.compile("sgd")
    history = model.fit(x, batch_size=8, epochs=2, verbose=0).history
    assert np.isfinite(history["mmd"]).all()


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("kernel", "cubic"),
        ("kernel", None),
        ("scales", ()),
        ("scales", (1.0, 0.0)),
        ("scales", (-1.0,)),
        ("scales", (float("nan"),)),
        ("scales", "wide"),
        ("scales", 1.0),
        ("weight", -0.999),
    ],
)
def test_an_impossible_argument_is_refused(option: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"`{option}` must"):
        MaximumMeanDiscrepancy(**{option: wrong})


def test_a_model_without_a_prior_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a model with a prior"):
        keras_ae.LatentModel(
            (6,), bottleneck=Gaussian(2), objective=[Reconstruction(), MaximumMeanDiscrepancy()]
        )
