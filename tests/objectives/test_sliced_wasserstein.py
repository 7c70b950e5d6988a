"""The sliced Wasserstein distance beside sorted projections and optimal assignments."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats
from scipy.optimize import linear_sum_assignment

import keras_ae
from keras_ae.bottlenecks import Deterministic
from keras_ae.objectives import Reconstruction, SlicedWasserstein
from keras_ae.objectives.sliced_wasserstein import sliced_wasserstein
from keras_ae.priors import StandardNormal
from keras_ae.typing import Batch
from tests.gradients import gradient

RNG = np.random.default_rng(0)
A, B = (RNG.normal(shift, size=(7, 3)).astype("float32") for shift in (0.0, 1.0))


def unit_vectors(size: int, count: int, seed: int = 1) -> np.ndarray:
    """Return directions uniform on the sphere, `(size, count)`."""
    vectors = np.random.default_rng(seed).normal(size=(size, count))
    return (vectors / np.linalg.norm(vectors, axis=0)).astype("float32")


def by_loops(a: np.ndarray, b: np.ndarray, directions: np.ndarray) -> float:
    """Kolouri et al. (2019), equations 11 and 12, of two sets of as many."""
    each = []
    for direction in directions.astype("f8").T:
        first = sorted(float(x @ direction) for x in a.astype("f8"))
        second = sorted(float(x @ direction) for x in b.astype("f8"))
        each.append(np.mean([(p - q) ** 2 for p, q in zip(first, second, strict=True)]))
    return float(np.mean(each))


def found(a: np.ndarray, b: np.ndarray, directions: np.ndarray) -> float:
    value = sliced_wasserstein(*(ops.convert_to_tensor(x) for x in (a, b, directions)))
    assert tuple(value.shape) == ()
    return float(ops.convert_to_numpy(value))


@pytest.mark.parametrize("count", [1, 4, 50])
def test_it_is_the_mean_squared_difference_of_sorted_projections(count: int) -> None:
    directions = unit_vectors(3, count)
    assert found(A, B, directions) == pytest.approx(by_loops(A, B, directions), rel=1e-5)
    assert found(B, A, directions) == pytest.approx(by_loops(A, B, directions), rel=1e-5)


def test_two_pairs_by_hand() -> None:
    """Numbers 3 and 0 go to 1 and 2 the short way: (1 + 1) / 2, not (4 + 4) / 2."""
    a, b = np.array([[3], [0]], "float32"), np.array([[1], [2]], "float32")
    assert found(a, b, np.array([[-1]], "float32")) == pytest.approx(1.0, rel=1e-6)


def test_on_a_line_it_is_the_cost_of_the_best_assignment() -> None:
    a, b = A[:, :1], 3 * B[:, 1:2]
    cost = (a.astype("f8") - b.T.astype("f8")) ** 2
    rows, columns = linear_sum_assignment(cost)
    wanted = cost[rows, columns].mean()
    assert found(a, b, np.ones((1, 1), "float32")) == pytest.approx(wanted, rel=1e-5)


def test_equal_sets_in_another_order_cost_nothing() -> None:
    assert found(A, A[::-1].copy(), unit_vectors(3, 20)) == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize(("mean", "scale"), [([1.0, -2.0, 0.5], 1.0), ([0.0, 1.0, 1.0], 1.8)])
def test_between_normals_it_is_known(mean: list[float], scale: float) -> None:
    """On a line N(m, s^2) is (m)^2 + (s - 1)^2 from N(0, 1); (m . v)^2 has the mean |m|^2 / d."""
    rng, n = np.random.default_rng(3), 5000
    a = (mean + scale * rng.normal(size=(n, 3))).astype("float32")
    b = rng.normal(size=(n, 3)).astype("float32")
    directions = unit_vectors(3, 200)
    each = (np.array(mean) @ directions) ** 2 + (scale - 1) ** 2
    square = float(np.dot(mean, mean))
    of_sets = 2 * np.sqrt(square / 3 + (scale - 1) ** 2) * np.sqrt((scale**2 + 1) / n)
    error = each.std() / np.sqrt(200) + of_sets
    assert abs(found(a, b, directions) - square / 3 - (scale - 1) ** 2) < 4 * error


def test_the_gradient_is_that_of_finite_differences() -> None:
    directions = unit_vectors(3, 6)
    others = ops.convert_to_tensor(B), ops.convert_to_tensor(directions)
    slope = gradient(lambda z: sliced_wasserstein(z, *others), A)
    wanted = np.zeros_like(A, "f8")
    for at in np.ndindex(*A.shape):
        ends = []
        for sign in (1, -1):
            moved = A.astype("f8")
            moved[at] += sign * 1e-6
            ends.append(by_loops(moved, B, directions))
        wanted[at] = (ends[0] - ends[1]) / 2e-6
    np.testing.assert_allclose(slope, wanted, atol=1e-5)
    assert abs(wanted).max() > 1e-2


# The term.


def value(
    term: SlicedWasserstein, codes: np.ndarray, training: bool = False, seed: int | None = None
) -> np.ndarray:
    model = SimpleNamespace(bottleneck=Deterministic(codes.shape[1]), prior=StandardNormal())
    if seed is not None:
        term.noise.reset_evaluation(seed)
    outputs = {"latent": ops.convert_to_tensor(codes)}
    return ops.convert_to_numpy(term.value(model, Batch(codes, codes), outputs, training))


def test_it_compares_codes_with_as_many_draws_of_the_prior() -> None:
    """Of codes of one number, whose directions are 1 and -1."""
    term = SlicedWasserstein(projections=3)
    got = value(term, B[:, :1], seed=0)
    term.noise.reset_evaluation(0)
    drawn = ops.convert_to_numpy(StandardNormal().sample((7, 1), term.noise))
    assert term.name == "sliced_wasserstein"
    assert got.shape == ()
    np.testing.assert_allclose(got, by_loops(B[:, :1], drawn, np.ones((1, 1))), rtol=1e-4)


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("training", [False, True])
def test_directions_are_uniform_on_the_sphere_and_drawn_anew(size: int, training: bool) -> None:
    """Codes at R e_1 are R^2 v_1^2 away, whose law is Beta(1/2, (d - 1) / 2)."""
    term, codes = SlicedWasserstein(projections=1), np.zeros((2, size), "float32")
    codes[:, 0] = 1e5
    squares = np.array([value(term, codes, training) for _ in range(150)]) / 1e10
    assert squares.max() < 1 + 1e-3
    assert stats.kstest(squares, stats.beta(0.5, 0.5 * (size - 1)).cdf).pvalue > 1e-4


def test_many_projections_are_averaged() -> None:
    codes = np.zeros((2, 4), "float32")
    codes[:, 1] = 1e4
    few, many = (SlicedWasserstein(projections=count) for count in (4, 400))
    spread = [np.std([value(term, codes) for _ in range(40)]) for term in (few, many)]
    assert 5 < spread[0] / spread[1] < 20  # 10
    assert abs(value(many, codes) / 1e8 - 0.25) < 0.06


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "many", True])
def test_an_impossible_number_of_projections_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="`projections` must"):
        SlicedWasserstein(projections=wrong)


def test_a_model_without_a_prior_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a model with a prior"):
        keras_ae.LatentModel(
            (6,), bottleneck=Deterministic(2), objective=[Reconstruction(), SlicedWasserstein()]
        )
