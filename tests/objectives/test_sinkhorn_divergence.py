"""The Sinkhorn divergence beside NumPy's iterations, optimal assignments and normals."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats
from scipy.optimize import linear_sum_assignment, minimize
from scipy.special import logsumexp, xlogy

from keras_ae.bottlenecks import Deterministic
from keras_ae.objectives import SinkhornDivergence
from keras_ae.objectives.sinkhorn_divergence import sinkhorn_divergence, transport_cost
from keras_ae.priors import StandardNormal
from keras_ae.typing import Batch
from tests.gradients import gradient

RNG = np.random.default_rng(0)
A, B = (RNG.normal(shift, size=(n, 3)).astype("float32") for n, shift in ((5, 0.0), (8, 1.0)))


def squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return ((a[:, None].astype("f8") - b[None].astype("f8")) ** 2).sum(-1)


def primal(cost: np.ndarray, epsilon: float) -> float:
    """Return <P, C> + epsilon KL(P || 1 / (n m)) of the best plan P, Feydy et al. (2019), eq. 1.

    The potentials f are the maximum of the concave dual, of which g is the soft minimum.
    """
    n, m = cost.shape

    def other(f: np.ndarray) -> np.ndarray:
        return np.asarray(-epsilon * (logsumexp((f[:, None] - cost) / epsilon, axis=0) - np.log(n)))

    def plan(f: np.ndarray) -> np.ndarray:
        return np.exp((f[:, None] + other(f) - cost) / epsilon) / (n * m)

    def negative_dual(f: np.ndarray) -> tuple[float, np.ndarray]:
        return -float(f.mean() + other(f).mean()), plan(f).sum(1) - 1 / n

    f = np.zeros(n)
    for _ in range(50):  # Sinkhorn's steps, in the log domain
        f = -epsilon * (logsumexp((other(f) - cost) / epsilon, axis=1) - np.log(m))
    best = plan(minimize(negative_dual, f, jac=True, method="BFGS", options={"gtol": 1e-9}).x)
    np.testing.assert_allclose(best.sum(0), 1 / m, atol=1e-7)
    np.testing.assert_allclose(best.sum(1), 1 / n, atol=1e-7)
    return float((best * cost).sum() + epsilon * xlogy(best, best * n * m).sum())


def divergence(a: np.ndarray, b: np.ndarray, epsilon: float) -> float:
    costs = squares(a, b), squares(a, a), squares(b, b)
    between, first, second = (primal(cost, epsilon) for cost in costs)
    return between - (first + second) / 2


def scalar(tensor: Any) -> float:
    assert tuple(tensor.shape) == ()
    return float(ops.convert_to_numpy(tensor))


def enough(epsilon: float) -> int:
    """Return a number of steps after which sets of these sizes have come to the limit."""
    return 60 if epsilon >= 1 else 200


def found(a: np.ndarray, b: np.ndarray, epsilon: float, iterations: int | None = None) -> float:
    first, second = ops.convert_to_tensor(a), ops.convert_to_tensor(b)
    return scalar(sinkhorn_divergence(first, second, epsilon, iterations or enough(epsilon)))


def found_cost(cost: np.ndarray, epsilon: float, iterations: int | None = None) -> float:
    steps = iterations or enough(epsilon)
    return scalar(transport_cost(ops.convert_to_tensor(cost.astype("float32")), epsilon, steps))


@pytest.mark.parametrize("epsilon", [0.3, 2.0, 20.0])
def test_the_cost_is_that_of_the_best_plan_and_its_entropy(epsilon: float) -> None:
    for cost in (squares(A, B), squares(B, A), squares(A, A), squares(A, B).clip(0, 4)):
        assert found_cost(cost, epsilon) == pytest.approx(primal(cost, epsilon), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("epsilon", [0.3, 2.0, 20.0])
def test_the_divergence_takes_off_what_each_set_costs_itself(epsilon: float) -> None:
    for a, b in ((A, B), (B[:5], A)):
        wanted = divergence(a, b, epsilon)
        assert wanted > 0.05
        assert found(a, b, epsilon) == pytest.approx(wanted, rel=1e-3, abs=1e-4)


def test_a_small_epsilon_comes_near_the_best_assignment() -> None:
    """An assignment has KL = log n from uniform, so that W_0 <= W <= W_0 + epsilon log n."""
    a, b = (np.random.default_rng(s).normal(size=(6, 2)).astype("float32") for s in (1, 2))
    cost = squares(a, b)
    best = cost[linear_sum_assignment(cost)].mean()
    got = found_cost(cost, 0.02, 400)
    assert best - 1e-3 < got < best + 0.02 * np.log(6) + 1e-3
    assert found(a, b, 0.02, 250) == pytest.approx(best, abs=0.04)


def test_equal_sets_cost_nothing_and_others_something() -> None:
    assert found(A, A, 0.5, 20) == pytest.approx(0.0, abs=1e-6)
    assert found(B, B[::-1].copy(), 0.5) == pytest.approx(0.0, abs=1e-4)
    assert found(A, A + 0.1, 0.5) == pytest.approx(0.03, rel=1e-2)


def test_a_large_epsilon_leaves_the_distance_of_the_means() -> None:
    wanted = ((A.mean(0) - B.mean(0)) ** 2).sum()
    assert found(A, B, 1000.0, 20) == pytest.approx(wanted, rel=0.02)


def normals(v: float, w: float, epsilon: float) -> float:
    """Janati et al. (2020), theorem 1, of N(0, v) and N(0, w): sigma^2 there is epsilon / 2."""
    square = epsilon / 2
    root = np.sqrt(4 * v * w + square**2)
    return v + w - root + square * (1 - np.log(2 * square) + np.log(root + square))


@pytest.mark.parametrize("epsilon", [0.2, 1.0, 8.0])
def test_between_normals_it_is_known(epsilon: float) -> None:
    """On evenly spaced quantiles, scaled to the variance of the normal."""
    quantiles = stats.norm.ppf((np.arange(150) + 0.5) / 150)
    z = (quantiles / quantiles.std())[:, None].astype("float32")
    got = found_cost(squares(1.5 * z, 0.7 * z), epsilon)
    assert got == pytest.approx(normals(1.5**2, 0.7**2, epsilon), rel=0.02)
    own = (normals(1.5**2, 1.5**2, epsilon) + normals(0.7**2, 0.7**2, epsilon)) / 2
    wanted = 1.0 + normals(1.5**2, 0.7**2, epsilon) - own
    assert found(1.5 * z + 1, 0.7 * z, epsilon) == pytest.approx(wanted, rel=0.02)


def test_points_far_from_the_origin_keep_their_distances() -> None:
    a, b = ((x + 300).astype("float32") for x in (A, B))
    assert found(a, b, 1.0) == pytest.approx(divergence(a, b, 1.0), rel=1e-3)


def test_more_steps_come_nearer() -> None:
    wanted = primal(squares(A, B), 0.1)
    errors = [abs(found_cost(squares(A, B), 0.1, steps) - wanted) for steps in (1, 5, 300)]
    assert errors[0] > errors[1] > 5 * errors[2]


@pytest.mark.parametrize("epsilon", [0.5, 5.0])
def test_the_gradient_is_that_of_finite_differences(epsilon: float) -> None:
    """Of codes that meet each other and the other set, too."""
    a = np.concatenate([A[:2], A[:1], B[:1]])
    slope = gradient(
        lambda z: sinkhorn_divergence(z, ops.convert_to_tensor(B), epsilon, enough(epsilon)), a
    )
    wanted = np.zeros_like(a, "f8")
    for at in np.ndindex(*a.shape):
        ends = []
        for sign in (1, -1):
            moved = a.astype("f8")
            moved[at] += sign * 1e-4
            own = primal(squares(moved, moved), epsilon)
            ends.append(primal(squares(moved, B), epsilon) - own / 2)
        wanted[at] = (ends[0] - ends[1]) / 2e-4
    np.testing.assert_allclose(slope, wanted, atol=1e-3)
    assert abs(wanted).max() > 0.1


def test_the_gradient_by_the_cost_is_a_plan() -> None:
    cost = squares(A, B).astype("float32")
    plan = gradient(lambda c: transport_cost(c, 1.0, 200), cost)
    assert (plan > 0).all()
    np.testing.assert_allclose(plan.sum(0), 1 / 8, atol=1e-5)
    np.testing.assert_allclose(plan.sum(1), 1 / 5, atol=1e-5)


# The term.


def test_its_epsilon_is_in_units_of_two_draws_squared_distance() -> None:
    """Which is 2 d for codes of d numbers."""
    term = SinkhornDivergence(1.0, epsilon=0.2, iterations=60)
    model = SimpleNamespace(bottleneck=Deterministic(3), prior=StandardNormal())
    term.noise.reset_evaluation(0)
    outputs = {"latent": ops.convert_to_tensor(B)}
    got = scalar(term.value(model, Batch(B, B), outputs, False))
    term.noise.reset_evaluation(0)
    drawn = ops.convert_to_numpy(StandardNormal().sample(B.shape, term.noise))
    assert term.name == "sinkhorn_divergence"
    assert got == pytest.approx(divergence(B, drawn, 0.2 * 6), rel=1e-3)
    assert abs(got - divergence(B, drawn, 0.2)) > 0.01 * got


def test_with_the_defaults_the_gradient_is_near_that_of_the_limit() -> None:
    rng = np.random.default_rng(2)
    codes, drawn = (rng.normal(m, size=(64, 4)).astype("float32") for m in (0.5, 0.0))
    other, term = ops.convert_to_tensor(drawn), SinkhornDivergence()
    got = gradient(lambda z: term.distance(z, other, False), codes)
    wanted = gradient(lambda z: sinkhorn_divergence(z, other, 0.01 * 8, 400), codes)
    assert np.linalg.norm(got - wanted) < 0.25 * np.linalg.norm(wanted)


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("epsilon", 0.0),
        ("epsilon", -1.0),
        ("epsilon", float("nan")),
        ("epsilon", float("inf")),
        ("epsilon", "small"),
        ("iterations", 0),
        ("iterations", 2.5),
        ("iterations", True),
    ],
)
def test_an_impossible_argument_is_refused(option: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"`{option}` must"):
        SinkhornDivergence(**{option: wrong})


@pytest.mark.parametrize("scale", [1e2, 1e4])
def test_codes_from_far_away_are_drawn_back_by_the_whole_plan(scale: float) -> None:
    """The gradients sum to 2 (mean a - mean b): those of a set's own cost cancel."""
    rng = np.random.default_rng(0)
    near, far = rng.normal(size=(2, 16, 4)).astype("float32")
    far = far + np.float32(scale)
    slope = gradient(lambda a: sinkhorn_divergence(a, ops.convert_to_tensor(near), 0.08, 50), far)
    np.testing.assert_allclose(slope.sum(0), 2 * (far.mean(0) - near.mean(0)), rtol=1e-3)


def test_an_entropy_that_rounding_would_eat_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1e-4"):
        SinkhornDivergence(epsilon=1e-9)
