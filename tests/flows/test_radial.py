from __future__ import annotations

import itertools

import numpy as np
import pytest
from keras import ops

from keras_ae.flows import Radial
from tests.flows.cases import CONTEXT_DIM, built, jacobian_of, normal, on_arrays, weight_gradients

DIM = 3
CENTRE = np.array([0.5, -1.0, 0.25])

both = pytest.mark.parametrize("conditioned", [False, True])


def shifted(x: float) -> float:
    """Return the softplus function that is 1 at 0."""
    return float(np.log1p(np.expm1(1) * np.exp(x)))


def paper(
    z: np.ndarray, centre: np.ndarray, alpha: float, beta: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rezende and Mohamed (2015), eq. 14, with beta_hat = -alpha + m(beta) of appendix A.2.

    The library's m is the paper's shifted, so that m(0) = 1 and beta_hat = 0 where alpha = 1.
    """
    beta_hat = -alpha + shifted(beta)
    r = np.linalg.norm(z - centre, axis=1)
    h = 1 / (alpha + r)
    slope = -1 / (alpha + r) ** 2
    log_det = (DIM - 1) * np.log(1 + beta_hat * h) + np.log(1 + beta_hat * h + beta_hat * slope * r)
    return z + beta_hat * h[:, None] * (z - centre), log_det


def placed(first: float, second: float, conditioned: bool = False) -> Radial:
    """Return a flow around the centre with these scalars; a context has no effect."""
    flow = Radial()
    built(flow, DIM, CONTEXT_DIM if conditioned else None)
    scalars = iter((first, second))
    for weight in flow.trainable_weights:
        value = np.zeros(weight.shape)
        if len(weight.shape) == 1:
            value = CENTRE if value.size == DIM else np.full(1, next(scalars))
        weight.assign(value.astype("float32"))
    return flow


def context_for(z: np.ndarray, conditioned: bool) -> np.ndarray | None:
    return normal(len(z), CONTEXT_DIM) if conditioned else None


@both
@pytest.mark.parametrize(("first", "second"), [(0.3, 0.8), (-1.0, 2.0), (1.5, -2.0)])
def test_the_map_and_its_determinant_are_the_papers(
    first: float, second: float, conditioned: bool
) -> None:
    z = np.concatenate([normal(20, DIM), CENTRE[None]]).astype("float32")
    got = on_arrays(placed(first, second, conditioned).transform, z, context_for(z, conditioned))
    # The paper says alpha > 0, and not by which function.
    agree = [
        all(np.allclose(a, b, rtol=1e-5, atol=1e-5) for a, b in zip(got, wanted, strict=True))
        for raw, beta in itertools.permutations((first, second))
        for alpha in (np.exp(raw), shifted(raw))
        for wanted in [paper(z, CENTRE, alpha, beta)]
    ]
    assert any(agree)


# Scalars that turn space inside out around the centre unless beta >= -alpha, and large ones.
ANY = [(a, b) for a in (-8.0, -3.0, 0.0, 3.0, 10.0) for b in (-20.0, -5.0, 0.0, 10.0)]


@both
@pytest.mark.parametrize(("first", "second"), ANY)
def test_every_ray_from_the_centre_keeps_its_order_and_direction(
    first: float, second: float, conditioned: bool
) -> None:
    flow = placed(first, second, conditioned)
    r = np.linspace(0.05, 20, 300)
    direction = np.array([2.0, 1.0, -2.0]) / 3
    z = (CENTRE + r[:, None] * direction).astype("float32")
    z_next, log_det = on_arrays(flow.transform, z, context_for(z, conditioned))
    image = z_next.astype("f8") - CENTRE
    along = image @ direction
    assert (along > -1e-6).all()
    assert (np.diff(along) > 0).all()
    np.testing.assert_allclose(image, along[:, None] * direction, atol=1e-5 * abs(image).max())
    assert np.isfinite(log_det).all()


@both
@pytest.mark.parametrize(("first", "second"), ANY)
def test_every_point_has_an_inverse_for_any_weights(
    first: float, second: float, conditioned: bool
) -> None:
    flow = placed(first, second, conditioned)
    z_next = np.concatenate([normal(40, DIM), 50 * normal(10, DIM)])
    z, log_det = on_arrays(flow.invert, z_next, context_for(z_next, conditioned))
    again, _ = on_arrays(flow.transform, z, context_for(z_next, conditioned))
    assert np.isfinite(log_det).all()
    stretch = np.linalg.norm(jacobian_of(flow.transform, z, context_for(z, conditioned)), 2, (1, 2))
    allowed = 2e-6 * np.maximum(1, abs(z_next).max(1)) * (1 + stretch)
    assert (abs(again - z_next).max(1) <= allowed).all()


@both
@pytest.mark.parametrize(("first", "second"), [(0.0, 1.0), (1.0, -3.0)])
def test_the_centre_stays_and_has_finite_derivatives(
    first: float, second: float, conditioned: bool
) -> None:
    flow, z = placed(first, second, conditioned), CENTRE[None].astype("float32")
    context = context_for(z, conditioned)
    for method in (flow.transform, flow.invert):
        still, log_det = on_arrays(method, z, context)
        np.testing.assert_allclose(still, z, atol=1e-6)
        jacobian = jacobian_of(method, z, context)
        np.testing.assert_allclose(np.linalg.slogdet(jacobian)[1], log_det, rtol=1e-4, atol=1e-5)
    given = None if context is None else ops.convert_to_tensor(context)
    point = ops.convert_to_tensor(z)
    for index in (0, 1):
        for method in (flow.transform, flow.invert):
            gradients = weight_gradients(
                flow, lambda f=method, i=index: ops.sum(f(point, given)[i])
            )
            assert all(np.isfinite(g).all() for g in gradients)


def test_the_map_is_symmetric_around_the_centre() -> None:
    flow, offset = placed(0.2, 1.5), normal(10, DIM)
    ahead, behind = (
        on_arrays(flow.transform, (CENTRE + sign * offset).astype("float32"))[0] - CENTRE
        for sign in (1, -1)
    )
    np.testing.assert_allclose(ahead, -behind, atol=1e-5)
