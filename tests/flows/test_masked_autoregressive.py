from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from keras_ae.flows import MaskedAutoregressive
from tests.flows.cases import CONTEXT_DIM, built, jacobian_of, normal, on_arrays

DIM = 5

both = pytest.mark.parametrize("conditioned", [False, True])


def made(
    conditioned: bool = False, scale: float = 0.5, dim: int = DIM
) -> tuple[MaskedAutoregressive, np.ndarray | None]:
    flow = MaskedAutoregressive(hidden=(16,), activation="tanh")
    built(flow, dim, CONTEXT_DIM if conditioned else None, scale=scale)
    return flow, normal(8, CONTEXT_DIM, seed=6) if conditioned else None


@both
@pytest.mark.parametrize("direction", ["transform", "invert"])
def test_the_jacobian_is_triangular(direction: str, conditioned: bool) -> None:
    flow, context = made(conditioned)
    found = jacobian_of(getattr(flow, direction), normal(8, DIM), context)
    np.testing.assert_array_equal(np.triu(found, 1), np.zeros_like(found))
    assert (np.diagonal(found, axis1=1, axis2=2) > 0).all()
    assert (abs(np.tril(found, -1)).max(0)[np.tril_indices(DIM, -1)] > 1e-6).all()


@both
@pytest.mark.parametrize("i", range(DIM))
def test_a_number_is_shifted_and_scaled_by_the_earlier_ones(i: int, conditioned: bool) -> None:
    flow, context = made(conditioned)
    x = normal(8, DIM)
    slope = jacobian_of(flow.invert, x, context)[:, i, i]  # exp(-alpha_i)
    u, _ = on_arrays(flow.invert, x, context)
    for by in (-2.0, 3.0):
        moved = x.copy()
        moved[:, i] += by
        there, _ = on_arrays(flow.invert, moved, context)
        np.testing.assert_allclose(there[:, i] - u[:, i], by * slope, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(there[:, :i], u[:, :i])
        after = jacobian_of(flow.invert, moved, context)[:, i, i]
        np.testing.assert_allclose(after, slope, rtol=1e-5)


@both
def test_the_log_determinants_are_the_sums_of_the_log_scales(conditioned: bool) -> None:
    flow, context = made(conditioned)
    points = normal(8, DIM)
    for method in (flow.invert, flow.transform):
        diagonal = np.diagonal(jacobian_of(method, points, context), axis1=1, axis2=2)
        _, log_det = on_arrays(method, points, context)
        np.testing.assert_allclose(log_det, np.log(diagonal).sum(1), rtol=1e-5, atol=1e-5)


def test_constant_parameters_make_a_diagonal_gaussian() -> None:
    flow, _ = made(scale=0.0)
    *inner, last = flow.trainable_weights
    for weight in inner:
        weight.assign(np.zeros(weight.shape, "float32"))
    last.assign(normal(*last.shape, scale=0.5))
    mean, ahead = (on_arrays(flow.transform, np.full((1, DIM), a, "f4"))[0] for a in (0, 1))
    x = normal(8, DIM)
    u, log_det = on_arrays(flow.invert, x)
    wanted = stats.norm.logpdf(x, mean, ahead - mean).sum(1)
    got = stats.norm.logpdf(u.astype("f8")).sum(1) + log_det
    np.testing.assert_allclose(got, wanted, rtol=1e-4)


def test_wild_weights_scale_by_no_more_than_float32_holds() -> None:
    flow, _ = made(scale=30.0)
    x = normal(64, DIM)
    _, log_det = on_arrays(flow.invert, x)
    slope = np.diagonal(jacobian_of(flow.invert, x), axis1=1, axis2=2)
    assert (abs(np.log(slope)) < 20).all()
    assert np.isfinite(log_det).all()
    for result in on_arrays(flow.transform, x):
        assert np.isfinite(result).all()


def test_the_density_is_the_same_by_either_way_and_depends_on_the_context() -> None:
    flow, context = made(True)
    noise = normal(8, DIM)
    x, log_det = on_arrays(flow.transform, noise, context)
    drawn = stats.norm.logpdf(noise).sum(1) - log_det
    u, back_log_det = on_arrays(flow.invert, x, context)
    scored = stats.norm.logpdf(u).sum(1) + back_log_det
    np.testing.assert_allclose(scored, drawn, rtol=1e-4, atol=1e-4)
    assert context is not None
    u, back_log_det = on_arrays(flow.invert, x, context[::-1].copy())
    assert (abs(stats.norm.logpdf(u).sum(1) + back_log_det - drawn) > 1e-2).any()
