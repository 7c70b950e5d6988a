from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from keras import ops

from keras_ae.flows import Planar
from tests.flows.cases import CONTEXT_DIM, built, jacobian_of, normal, on_arrays, weight_gradients

DIM = 3
Triple = tuple[np.ndarray, np.ndarray, float]

both = pytest.mark.parametrize("conditioned", [False, True])


def paper(z: np.ndarray, u: np.ndarray, w: np.ndarray, b: float) -> tuple[np.ndarray, np.ndarray]:
    """Rezende and Mohamed (2015), eqs. 10-12, with u_hat of appendix A.1.

    The library's m(x) = -1 + log(1 + (e - 1) e^x) is the paper's shifted, so that m(0) = 0.
    """
    m = -1 + np.log1p(np.expm1(1) * np.exp(w @ u))
    u_hat = u + (m - w @ u) * w / (w @ w)
    h = np.tanh(z @ w + b)
    return z + h[:, None] * u_hat, np.log(abs(1 + (1 - h**2) * (w @ u_hat)))


def placed(u: np.ndarray, w: np.ndarray, b: float, conditioned: bool = False) -> Planar:
    """Return a flow whose two vectors are these, in either order; a context has no effect."""
    flow = Planar()
    built(flow, DIM, CONTEXT_DIM if conditioned else None)
    vectors = iter((u, w))
    for weight in flow.trainable_weights:
        value = np.zeros(weight.shape)
        if len(weight.shape) == 1:
            value = np.full(1, b) if value.size == 1 else next(vectors)
        weight.assign(value.astype("float32"))
    return flow


def readings(flow: Planar) -> Iterator[Triple]:
    """Yield what the flow's weights may be as (u, w, b)."""
    given = [ops.convert_to_numpy(w).astype("f8") for w in flow.trainable_weights]
    vectors = [v for v in given if v.shape == (DIM,)]
    (b,) = [v for v in given if v.shape == (1,)]
    for u, w in itertools.permutations(vectors):
        yield u, w, float(b[0])


@both
@pytest.mark.parametrize("seed", range(4))
def test_the_map_and_its_determinant_are_the_papers(seed: int, conditioned: bool) -> None:
    u, w = normal(2, DIM, seed=seed, scale=1.5)
    flow, z = placed(u, w, 0.3, conditioned), normal(20, DIM, seed=9)
    got = on_arrays(flow.transform, z, normal(20, CONTEXT_DIM) if conditioned else None)
    agree = [
        all(np.allclose(a, b, rtol=1e-5, atol=1e-5) for a, b in zip(got, paper(z, *r), strict=True))
        for r in readings(flow)
    ]
    assert any(agree)


@both
def test_the_map_changes_along_one_direction_only(conditioned: bool) -> None:
    flow, z = Planar(), normal(20, 5)
    built(flow, 5, CONTEXT_DIM if conditioned else None, scale=1.0)
    context = np.tile(normal(1, CONTEXT_DIM), (20, 1)) if conditioned else None
    moved = on_arrays(flow.transform, z, context)[0] - z
    assert np.linalg.matrix_rank(moved, tol=1e-4) == 1
    difference = jacobian_of(flow.transform, z, context) - np.eye(5)
    singular = np.linalg.svd(difference, compute_uv=False)
    assert (singular[:, 1] < 1e-5).all()
    assert (singular[:, 0] > 1e-4).any()


# Weights that fold space over itself unless u is held back, w.u < -1, and large ones.
AXIS = np.array([2.0, -1.0, 0.5]) / np.linalg.norm([2.0, -1.0, 0.5])
FOLDING = [
    pytest.param(-product / size * AXIS, size * AXIS, id=f"product{product}-size{size}")
    for product in (1.5, 4.0, 10.0, 30.0)
    for size in (0.5, 1.5, 3.0)
]
WILD = [
    pytest.param(*normal(2, DIM, seed=seed, scale=scale), id=f"wild{scale}-{seed}")
    for scale in (3.0, 10.0)
    for seed in range(3)
]


@both
@pytest.mark.parametrize(("u", "w"), FOLDING + WILD)
def test_the_determinant_is_positive_for_any_weights(
    u: np.ndarray, w: np.ndarray, conditioned: bool
) -> None:
    flow = placed(u, w, 0.2, conditioned)
    z = np.concatenate([np.linspace(-6, 6, 101)[:, None] * AXIS, normal(50, DIM)]).astype("f4")
    context = normal(len(z), CONTEXT_DIM) if conditioned else None
    assert np.isfinite(on_arrays(flow.transform, z, context)[1]).all()
    determinant = np.linalg.det(jacobian_of(flow.transform, z, context))
    assert (determinant > -1e-6 * np.linalg.norm(u) * np.linalg.norm(w)).all()


@pytest.mark.parametrize(("u", "w"), FOLDING)
def test_points_keep_their_order_across_the_planes(u: np.ndarray, w: np.ndarray) -> None:
    z = (np.linspace(-6, 6, 401)[:, None] * AXIS).astype("float32")
    z_next, _ = on_arrays(placed(u, w, 0.2).transform, z)
    assert (np.diff(z_next.astype("f8") @ AXIS) > -1e-5).all()


@both
@pytest.mark.parametrize(("u", "w"), FOLDING + WILD)
def test_every_point_has_an_inverse_for_any_weights(
    u: np.ndarray, w: np.ndarray, conditioned: bool
) -> None:
    flow = placed(u, w, 0.2, conditioned)
    z_next = np.concatenate([np.linspace(-50, 50, 101)[:, None] * AXIS, normal(50, DIM)])
    z_next = z_next.astype("float32")
    context = normal(len(z_next), CONTEXT_DIM) if conditioned else None
    z, log_det = on_arrays(flow.invert, z_next, context)
    again, _ = on_arrays(flow.transform, z, context)
    assert np.isfinite(log_det).all()
    # A rounding of z turns the direction of w.z by |w| and comes back along u.
    size = np.maximum(1, abs(z_next).max()) * (1 + np.linalg.norm(u) * np.linalg.norm(w))
    np.testing.assert_allclose(again, z_next, rtol=0, atol=1e-6 * size)


@pytest.mark.parametrize(("u", "w"), FOLDING)
def test_no_two_points_share_an_image(u: np.ndarray, w: np.ndarray) -> None:
    flow = placed(u, w, 0.2)
    z = (np.linspace(-6, 6, 401)[:, None] * AXIS).astype("float32")
    z_next, log_det = on_arrays(flow.transform, z)
    back, _ = on_arrays(flow.invert, z_next)
    np.testing.assert_array_less(abs(back - z).max(1), 1e-5 * np.exp(np.maximum(0, -log_det)))


@pytest.mark.parametrize(("product", "tolerance"), [(2.0, 1e-5), (6.0, 1e-3), (10.0, 1e-2)])
def test_the_most_squeezed_point_has_the_papers_determinant(
    product: float, tolerance: float
) -> None:
    flow = placed(-product * AXIS, AXIS, 0.0)
    _, log_det = on_arrays(flow.transform, np.zeros((1, DIM), "float32"))
    # There 1 + w.u_hat = 1 + m(w.u) is all that is left.
    wanted = np.log(np.log1p(np.expm1(1) * np.exp(-product)))
    np.testing.assert_allclose(log_det, wanted, rtol=tolerance)


@pytest.mark.parametrize("product", [20.0, 40.0, 80.0])
def test_a_point_squeezed_beyond_float32_stays_finite(product: float) -> None:
    flow, z = placed(-product * AXIS, AXIS, 0.0), np.zeros((1, DIM), "float32")
    for method in (flow.transform, flow.invert):
        for result in on_arrays(method, z):
            assert np.isfinite(result).all()
        assert np.isfinite(jacobian_of(method, z)).all()
    for gradient in weight_gradients(flow, lambda: ops.sum(flow.transform(ops.zeros((1, DIM)))[1])):
        assert np.isfinite(gradient).all()
