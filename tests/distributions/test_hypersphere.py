from __future__ import annotations

import math

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.distributions import hypersphere
from tests.distributions.oracle import (
    ConstantDraws,
    NumPyDraws,
    assert_close,
    assert_means,
    call,
    gradient_of_sum,
)
from tests.distributions.zonal import log_area, sphere_rule, unit_vectors

DIMENSIONS = (2, 3, 10, 50)


def uniform(*shape: int) -> np.ndarray:
    return ops.convert_to_numpy(hypersphere.uniform(shape, NumPyDraws(shape[-1])))


@pytest.mark.parametrize("d", [1, 2, 3, 4, 10, 128, 2000])
def test_log_area_is_the_closed_form(d: int) -> None:
    area = hypersphere.log_area(d)
    assert isinstance(area, float)
    assert area == pytest.approx(log_area(d), rel=1e-12)


def test_log_area_is_that_of_the_circle_and_of_the_sphere() -> None:
    assert math.exp(hypersphere.log_area(2)) == pytest.approx(2 * math.pi, rel=1e-12)
    assert math.exp(hypersphere.log_area(3)) == pytest.approx(4 * math.pi, rel=1e-12)


@pytest.mark.parametrize("d", [2, 3])
def test_the_rule_that_other_tests_integrate_with_has_the_sphere_s_area(d: int) -> None:
    points, weights = sphere_rule(d)
    assert weights.sum() == pytest.approx(math.exp(log_area(d)), rel=1e-12)
    second = (points * weights[:, None]).T @ points / weights.sum()
    np.testing.assert_allclose(second, np.eye(d) / d, atol=1e-12)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_uniform_points_have_norm_one(d: int) -> None:
    norms = np.linalg.norm(uniform(10_000, d).astype("float64"), axis=-1)
    np.testing.assert_allclose(norms, 1, atol=1e-6)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_a_component_of_uniform_points_is_betas(d: int) -> None:
    for axis in (np.eye(d)[0], np.eye(d)[-1], unit_vectors(d)):
        t = uniform(10_000, d).astype("float64") @ axis
        cdf = stats.beta.cdf((1 + t) / 2, (d - 1) / 2, (d - 1) / 2)
        assert stats.kstest(cdf, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("d", DIMENSIONS)
def test_uniform_points_have_mean_zero_and_no_correlations(d: int) -> None:
    x = uniform(10_000, d)
    assert_means(x, 0.0, errors=5.0)
    rows, columns = np.triu_indices(d, 1)
    assert_means(x[:, rows] * x[:, columns], 0.0, errors=5.0)


def test_uniform_points_have_the_shape_that_is_asked_for() -> None:
    assert uniform(2, 5, 3).shape == (2, 5, 3)


@pytest.mark.parametrize("scale", [1e-5, 1e-2, 1.0, 1e5])
def test_onto_divides_by_the_norm(scale: float) -> None:
    x = (scale * np.random.default_rng(0).normal(size=(4, 5, 3))).astype("float32")
    exact = x.astype("float64")
    wanted = exact / np.linalg.norm(exact, axis=-1, keepdims=True)
    assert_close(call(hypersphere.onto, x), wanted, rtol=1e-6)


def test_onto_has_the_gradient_of_a_direction() -> None:
    x = np.random.default_rng(1).normal(size=(6, 4)).astype("float32")
    axis = np.array([1.0, -2.0, 0.5, 3.0])
    got = gradient_of_sum(lambda p, a: a * hypersphere.onto(p), x, axis)
    norm = np.linalg.norm(x.astype("float64"), axis=-1, keepdims=True)
    u = x / norm
    assert_close(got, (axis - (u @ axis)[:, None] * u) / norm)


def test_onto_and_its_gradient_are_finite_at_zero() -> None:
    zeros = np.zeros((2, 3), "float32")
    assert np.isfinite(call(hypersphere.onto, zeros)).all()
    assert np.isfinite(gradient_of_sum(hypersphere.onto, zeros)).all()


def test_zero_noise_gives_finite_points() -> None:
    noise = ConstantDraws(normal=0.0, uniform=0.0)
    assert np.isfinite(ops.convert_to_numpy(hypersphere.uniform((4, 3), noise))).all()


@pytest.mark.parametrize("d", [2, 3, 10])
def test_a_geodesic_turns_by_its_share_of_the_angle(d: int) -> None:
    a, b = unit_vectors(30, d, seed=1), unit_vectors(30, d, seed=2)
    b[0] = a[0]
    whole = np.arccos(np.clip((a * b).sum(-1), -1, 1))
    for share in (0.0, 0.25, 1.0):
        at = call(lambda a, b, t=share: hypersphere.geodesic(a, b, t), a, b).astype("f8")
        np.testing.assert_allclose((at**2).sum(-1), 1.0, atol=1e-6)
        np.testing.assert_allclose((at * a).sum(-1), np.cos(share * whole), atol=1e-5)
        np.testing.assert_allclose((at * b).sum(-1), np.cos((1 - share) * whole), atol=1e-5)
