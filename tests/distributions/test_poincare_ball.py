from __future__ import annotations

import numpy as np
import pytest

from keras_ae.distributions import poincare_ball
from tests.distributions.hyperbolic import (
    CURVATURES,
    conformal_factor,
    distance,
    exp_map,
    log_map,
    mobius_add,
    points,
)
from tests.distributions.oracle import assert_close, call, gradient_of_sum
from tests.distributions.zonal import unit_vectors

over_curvatures = pytest.mark.parametrize("curvature", CURVATURES)


def ball(name: str, curvature: float, *arrays: np.ndarray) -> np.ndarray:
    """Return a function of the module at float32 arrays."""
    return call(lambda *tensors: getattr(poincare_ball, name)(*tensors, curvature), *arrays)


def slope(name: str, curvature: float, *arrays: np.ndarray, argument: int = 0) -> np.ndarray:
    """Return the gradient of the sum of a function of the module in one of its arguments."""
    return gradient_of_sum(
        lambda *tensors: getattr(poincare_ball, name)(*tensors, curvature),
        *arrays,
        argument=argument,
    )


def edge(n: int, curvature: float, largest: float, seed: int) -> np.ndarray:
    """Return points whose norm is a part of the radius, projected into the ball."""
    return ball("project", curvature, largest / np.sqrt(curvature) * unit_vectors(n, 3, seed=seed))


@over_curvatures
def test_addition_is_the_papers_formula(curvature: float) -> None:
    x, y = points(200, 5, curvature=curvature), points(200, 5, curvature=curvature, seed=1)
    # Ganea et al. (2018), equation 4; near the edge 1 - c|x|^2 keeps six digits of float32's.
    wanted = mobius_add(x, y, curvature)
    assert_close(ball("mobius_add", curvature, x, y), wanted)


@over_curvatures
def test_addition_of_the_opposite_is_zero(curvature: float) -> None:
    x = points(200, 5, curvature=curvature)
    assert_close(ball("mobius_add", curvature, -x, x), np.zeros_like(x))


@over_curvatures
def test_addition_of_zero_changes_nothing(curvature: float) -> None:
    x = points(50, 3, curvature=curvature)
    assert_close(ball("mobius_add", curvature, x, 0 * x), x)
    assert_close(ball("mobius_add", curvature, 0 * x, x), x)


@over_curvatures
def test_addition_cancels_from_the_left(curvature: float) -> None:
    x = points(200, 5, curvature=curvature, largest=0.8)
    y = points(200, 5, curvature=curvature, largest=0.8, seed=1)
    added = ball("mobius_add", curvature, x, y)
    # The intermediate point is rounded where lengths are up to (1 + .8)^2 / (1 - .8)^2 = 81
    # times what they are at the answer: 81 units in the last place.
    assert_close(ball("mobius_add", curvature, -x, added), y)


@over_curvatures
def test_conformal_factor_is_two_over_one_less_the_squared_norm(curvature: float) -> None:
    x = points(200, 5, curvature=curvature)
    got = ball("conformal_factor", curvature, x)
    assert got.shape == (200, 1)
    assert_close(got, conformal_factor(x, curvature))
    assert_close(ball("conformal_factor", curvature, 0 * x), np.full((200, 1), 2.0))


@over_curvatures
def test_exponential_map_is_the_papers_formula(curvature: float) -> None:
    x, v = points(200, 4, curvature=curvature), points(200, 4, curvature=curvature, seed=1)
    assert_close(ball("exp_map", curvature, x, v), exp_map(x, v, curvature))


@over_curvatures
def test_logarithm_is_the_papers_formula(curvature: float) -> None:
    x = points(200, 4, curvature=curvature, largest=0.8)
    y = points(200, 4, curvature=curvature, largest=0.8, seed=1)
    assert_close(ball("log_map", curvature, x, y), log_map(x, y, curvature))


@over_curvatures
def test_logarithm_inverts_the_exponential_map(curvature: float) -> None:
    x = points(200, 4, curvature=curvature, largest=0.7)
    v = points(200, 4, curvature=curvature, largest=0.7, seed=1)
    v = (v * 2 / conformal_factor(x, curvature)).astype("float32")
    # As in the cancellation of an addition: up to 30 units in the last place.
    assert_close(ball("log_map", curvature, x, ball("exp_map", curvature, x, v)), v)


@over_curvatures
def test_exponential_map_inverts_the_logarithm(curvature: float) -> None:
    x = points(200, 4, curvature=curvature, largest=0.8)
    y = points(200, 4, curvature=curvature, largest=0.8, seed=1)
    assert_close(ball("exp_map", curvature, x, ball("log_map", curvature, x, y)), y)


@over_curvatures
def test_logarithm_is_as_long_as_the_distance(curvature: float) -> None:
    x = points(100, 3, curvature=curvature, largest=0.8)
    y = points(100, 3, curvature=curvature, largest=0.8, seed=1)
    logarithm = ball("log_map", curvature, x, y).astype("float64")
    length = np.linalg.norm(logarithm, axis=-1) * conformal_factor(x, curvature)[:, 0]
    assert_close(length, distance(x, y, curvature))


@over_curvatures
@pytest.mark.parametrize("d", [1, 2, 5, 32])
def test_distance_is_the_inverse_hyperbolic_cosine(curvature: float, d: int) -> None:
    x = points(200, d, curvature=curvature, largest=0.9)
    y = points(200, d, curvature=curvature, largest=0.9, seed=1)
    assert_close(ball("distance", curvature, x, y), distance(x, y, curvature))


@over_curvatures
def test_distance_of_close_points_is_that_of_the_scaled_flat_space(curvature: float) -> None:
    x = points(100, 3, curvature=curvature, largest=0.7)
    step = np.random.default_rng(5).normal(size=x.shape)
    for size in (1e-2, 1e-3, 1e-4):
        y = (x + size * step).astype("float32")
        # x and y are exact, and so is their difference: only the relative error remains.
        wanted = distance(x, y, curvature)
        np.testing.assert_allclose(ball("distance", curvature, x, y), wanted, rtol=1e-3)


@over_curvatures
def test_distance_is_symmetric_and_zero_from_a_point_to_itself(curvature: float) -> None:
    x, y = points(200, 5, curvature=curvature), points(200, 5, curvature=curvature, seed=1)
    there, back = ball("distance", curvature, x, y), ball("distance", curvature, y, x)
    # Up to a norm of 0.95 a distance magnifies rounding by 1 / (1 - 0.95^2) = 10, twice.
    assert_close(there, back, rtol=3e-5)
    assert_close(ball("distance", curvature, x, x), np.zeros(200), atol=1e-5)


@over_curvatures
def test_distance_along_a_geodesic_adds_up(curvature: float) -> None:
    x = points(100, 3, curvature=curvature, largest=0.6)
    v = points(100, 3, curvature=curvature, largest=0.3, seed=1)
    half, whole = (ball("exp_map", curvature, x, s * v) for s in (0.5, 1.0))
    speed = np.linalg.norm(v.astype("float64"), axis=-1) * conformal_factor(x, curvature)[:, 0]
    assert_close(ball("distance", curvature, x, half), speed / 2)
    assert_close(ball("distance", curvature, half, whole), speed / 2)
    assert_close(ball("distance", curvature, x, whole), speed)


@over_curvatures
@pytest.mark.parametrize("scale", [0.999, 1.0, 1.0 + 1e-6, 3.0, 1e6, 1e15])
def test_projection_ends_strictly_inside_the_ball(curvature: float, scale: float) -> None:
    for d in (1, 2, 10, 128):
        x = np.random.default_rng(d).normal(size=(2_000, d))
        x *= scale / np.sqrt(curvature) / np.linalg.norm(x, axis=-1, keepdims=True)
        got = ball("project", curvature, x)
        assert (curvature * np.sum(got.astype("float64") ** 2, axis=-1) < 1).all()
        # In float32 too, the conformal factor of such a point is a positive number.
        assert (curvature * np.sum(got**2, axis=-1, dtype="float32") < 1).all()
        cosine = np.sum(x * got, axis=-1) / np.linalg.norm(x, axis=-1)
        assert_close(cosine, np.linalg.norm(got.astype("float64"), axis=-1))
        assert (cosine * np.sqrt(curvature) > 0.99).all()


@over_curvatures
def test_projection_leaves_the_inside_alone(curvature: float) -> None:
    x = points(500, 4, curvature=curvature, largest=0.98)
    assert_close(ball("project", curvature, x), x, rtol=1e-6)
    assert not ball("project", curvature, 0 * x).any()


@over_curvatures
@pytest.mark.parametrize("largest", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("name", ["mobius_add", "exp_map", "log_map", "distance"])
def test_functions_of_two_points_are_finite_at_the_centre_and_at_the_edge(
    name: str, curvature: float, largest: float
) -> None:
    x, y = (edge(50, curvature, largest, seed) for seed in (0, 1))
    first = np.concatenate([x, x, x, x, 0 * x, 0 * x])
    second = np.concatenate([y, x, -x, 0 * x, y, 0 * x])
    assert np.isfinite(ball(name, curvature, first, second)).all()
    for argument in range(2):
        assert np.isfinite(slope(name, curvature, first, second, argument=argument)).all()


@over_curvatures
@pytest.mark.parametrize("largest", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("name", ["project", "conformal_factor"])
def test_functions_of_a_point_are_finite_at_the_centre_and_at_the_edge(
    name: str, curvature: float, largest: float
) -> None:
    x = edge(50, curvature, largest, 0)
    assert np.isfinite(ball(name, curvature, x)).all()
    assert np.isfinite(slope(name, curvature, x)).all()


@over_curvatures
@pytest.mark.parametrize("length", [10.0, 1e4, 1e15])
def test_exponential_map_of_a_long_vector_is_in_the_ball(curvature: float, length: float) -> None:
    x = points(500, 3, curvature=curvature)
    v = length * np.random.default_rng(3).normal(size=x.shape)
    got = ball("exp_map", curvature, x, v).astype("float64")
    assert (curvature * np.sum(got**2, axis=-1) < 1).all()
    assert np.isfinite(slope("exp_map", curvature, x, v, argument=1)).all()


@over_curvatures
def test_the_maps_are_the_identity_to_first_order(curvature: float) -> None:
    x = points(20, 3, curvature=curvature, largest=0.8)
    weights = np.random.default_rng(2).normal(size=x.shape)
    exp_slope = gradient_of_sum(
        lambda a, v, w: w * poincare_ball.exp_map(a, v, curvature), x, 0 * x, weights, argument=1
    )
    log_slope = gradient_of_sum(
        lambda a, b, w: w * poincare_ball.log_map(a, b, curvature), x, x, weights, argument=1
    )
    assert_close(exp_slope, weights)
    assert_close(log_slope, weights)


@over_curvatures
def test_gradient_of_the_distance_is_as_long_as_the_conformal_factor(curvature: float) -> None:
    x = points(100, 3, curvature=curvature, largest=0.8)
    y = points(100, 3, curvature=curvature, largest=0.8, seed=1)
    for argument, point in ((0, x), (1, y)):
        got = slope("distance", curvature, x, y, argument=argument).astype("float64")
        # |grad d| = lambda in coordinates, as d is a length and lambda its unit.
        wanted = conformal_factor(point, curvature)[:, 0]
        assert_close(np.linalg.norm(got, axis=-1), wanted, rtol=3e-5)


@over_curvatures
def test_shapes_are_those_of_the_batch(curvature: float) -> None:
    x, y = points(2, 3, 4, curvature=curvature), points(2, 3, 4, curvature=curvature, seed=1)
    for name in ("mobius_add", "exp_map", "log_map"):
        assert ball(name, curvature, x, y).shape == (2, 3, 4)
    assert ball("distance", curvature, x, y).shape == (2, 3)
    assert ball("project", curvature, x).shape == (2, 3, 4)
    assert ball("conformal_factor", curvature, x).shape == (2, 3, 1)


@over_curvatures
def test_a_geodesic_has_its_share_of_the_distance_to_either_end(curvature: float) -> None:
    x, y = edge(20, curvature, 0.8, 1), edge(20, curvature, 0.8, 2)
    for share in (0.0, 0.3, 1.0):
        at = call(lambda a, b, t=share: poincare_ball.geodesic(a, b, t, curvature), x, y)
        whole = ball("distance", curvature, x, y)
        np.testing.assert_allclose(
            ball("distance", curvature, x, at), share * whole, rtol=1e-3, atol=1e-4
        )
        np.testing.assert_allclose(
            ball("distance", curvature, at, y), (1 - share) * whole, rtol=1e-3, atol=1e-4
        )


def test_arsinh_is_exact_of_either_sign_and_so_is_its_slope() -> None:
    sizes = np.geomspace(1e-12, 1e6, 60)
    u = np.concatenate([-sizes, [0.0], sizes]).astype("float32")
    values = call(poincare_ball.arcsinh, u)
    np.testing.assert_allclose(values, np.arcsinh(u.astype("f8")), rtol=1e-6)
    slopes = gradient_of_sum(poincare_ball.arcsinh, u)
    np.testing.assert_allclose(slopes, 1 / np.sqrt(1 + u.astype("f8") ** 2), rtol=1e-5)
