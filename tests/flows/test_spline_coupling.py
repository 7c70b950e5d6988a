from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from keras_ae.flows import SplineCoupling
from tests.flows.cases import CONTEXT_DIM, built, jacobian_of, normal, on_arrays

POINTS = 400  # everywhere, because JAX compiles its operations anew for each shape

both = pytest.mark.parametrize("conditioned", [False, True])
any_seed = pytest.mark.parametrize("first", [-1.5, 0.1, 2.0])


def made(
    scale: float = 0.5, dim: int = 2, conditioned: bool = False, **options: float
) -> SplineCoupling:
    flow = SplineCoupling(hidden=(16,), activation="tanh", **options)
    built(flow, dim, CONTEXT_DIM if conditioned else None, scale=scale)
    return flow


def section(first: float, x: np.ndarray) -> np.ndarray:
    """Return the points whose first number is fixed and whose second is x."""
    return np.stack([np.full(len(x), first), x], 1).astype("float32")


def curve(flow: SplineCoupling, first: float, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the spline's values and log-derivatives at x, given the first number."""
    image, log_det = on_arrays(flow.transform, section(first, x))
    return image[:, 1].astype("f8"), log_det.astype("f8")


def rational_quadratic(
    x: np.ndarray, xs: np.ndarray, ys: np.ndarray, slopes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Durkan et al. (2019), eqs. 4 and 5: the spline through knots, and its derivative."""
    k = np.clip(np.searchsorted(xs, x, side="right") - 1, 0, len(xs) - 2)
    width, height = xs[k + 1] - xs[k], ys[k + 1] - ys[k]
    s, xi = height / width, (x - xs[k]) / width
    both_ways = xi * (1 - xi)
    denominator = s + (slopes[k + 1] + slopes[k] - 2 * s) * both_ways
    y = ys[k] + height * (s * xi**2 + slopes[k] * both_ways) / denominator
    inner = slopes[k + 1] * xi**2 + 2 * s * both_ways + slopes[k] * (1 - xi) ** 2
    return y, s**2 * inner / denominator**2


@any_seed
def test_two_bins_are_the_papers_rational_quadratic(first: float) -> None:
    flow = made(bins=2)
    x = np.linspace(-4.99, 4.99, POINTS)
    y, log_slope = curve(flow, first, x)

    # Between the tails, of slope 1, one knot (x, y) and its slope are all that is free.
    def spline(knot: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        xs, ys = (np.array([-5, 5 * np.tanh(v), 5]) for v in knot[:2])
        return rational_quadratic(x, xs, ys, np.array([1, np.exp(knot[2]), 1]))

    fits = [
        optimize.least_squares(lambda knot: spline(knot)[0] - y, [start, at, 0.0], xtol=1e-14)
        for start in (-0.7, 0.0, 0.7)
        for at in (-0.5, 0.5)
    ]
    best = min(fits, key=lambda fit: fit.cost).x
    np.testing.assert_allclose(spline(best)[0], y, atol=5e-5)
    np.testing.assert_allclose(np.log(spline(best)[1]), log_slope, atol=2e-3)
    assert abs(y - x).max() > 0.05  # ... and no identity


@any_seed
@pytest.mark.parametrize("bound", [2.0, 5.0])
def test_the_tails_are_the_identity(first: float, bound: float) -> None:
    flow = made(scale=1.0, bound=bound)
    beyond = bound + np.geomspace(1e-3, 100, POINTS // 2)
    x = np.concatenate([-beyond, beyond])
    z = section(first, x)
    for method in (flow.transform, flow.invert):
        image, log_det = on_arrays(method, z)
        np.testing.assert_array_equal(image, z)
        np.testing.assert_array_equal(log_det, np.zeros(POINTS, "float32"))


@any_seed
@pytest.mark.parametrize("bound", [2.0, 5.0])
def test_the_inside_maps_onto_the_inside(first: float, bound: float) -> None:
    flow = made(bound=bound)
    x = np.linspace(-bound, bound, POINTS)
    y, _ = curve(flow, first, x)
    np.testing.assert_allclose(y[[0, -1]], [-bound, bound], atol=1e-5)
    assert (abs(y) <= bound + 1e-5).all()
    assert abs(y - x).max() > 0.02


@any_seed
@pytest.mark.parametrize("scale", [0.0, 0.5, 3.0])
def test_the_curve_rises_everywhere(first: float, scale: float) -> None:
    flow = made(scale=scale)
    x = np.linspace(-6, 6, POINTS)
    y, log_slope = curve(flow, first, x)
    assert (np.diff(y) > -2e-6).all()
    assert np.isfinite(log_slope).all()
    slope = jacobian_of(flow.transform, section(first, x))[:, 1, 1]
    assert (slope > 0).all()
    np.testing.assert_allclose(np.exp(log_slope), slope, rtol=1e-3)


@any_seed
@pytest.mark.parametrize("bins", [2, 8])
def test_value_and_slope_are_continuous_at_every_knot_and_bound(first: float, bins: int) -> None:
    flow = made(scale=0.4, bins=bins)
    x = np.linspace(-5.5, 5.5, POINTS + 1)
    left, right = x[:-1].copy(), x[1:].copy()
    # Halve each interval towards its greater change of slope: a jump stays, all else vanishes.
    for _ in range(9):
        middle = (left + right) / 2
        slopes = [np.exp(curve(flow, first, at)[1]) for at in (left, middle, right)]
        lower = abs(slopes[1] - slopes[0]) >= abs(slopes[2] - slopes[1])
        left, right = np.where(lower, left, middle), np.where(lower, middle, right)
    (below, log_below), (above, log_above) = (curve(flow, first, at) for at in (left, right))
    steepest = np.exp(np.maximum(log_below, log_above))
    assert (abs(above - below) <= 2 * steepest * (right - left) + 1e-5).all()
    assert (abs(log_above - log_below) < 0.02).all()


@pytest.mark.parametrize("bins", [2, 8])
def test_the_slope_bends_at_the_knots_inside(bins: int) -> None:
    flow = made(scale=0.7, bins=bins)
    x = np.linspace(-5, 5, POINTS)
    _, log_slope = curve(flow, 0.3, x)
    assert np.ptp(log_slope) > 0.1


@both
@pytest.mark.parametrize("direction", ["transform", "invert"])
@pytest.mark.parametrize("dim", [2, 5])
def test_the_first_half_stays_and_conditions_the_second(
    direction: str, dim: int, conditioned: bool
) -> None:
    flow, z = made(dim=dim, conditioned=conditioned), normal(8, dim)
    context = normal(8, CONTEXT_DIM) if conditioned else None
    method = getattr(flow, direction)
    image, log_det = on_arrays(method, z, context)
    moved = (image != z).any(0)
    kept = int(np.argmax(moved))
    assert kept in (dim // 2, (dim + 1) // 2)
    assert moved[kept:].all()
    found = jacobian_of(method, z, context)
    np.testing.assert_array_equal(
        found[:, :kept], np.broadcast_to(np.eye(kept, dim), (8, kept, dim))
    )
    second = found[:, kept:, kept:]
    slope = np.diagonal(second, axis1=1, axis2=2)
    np.testing.assert_array_equal(second, slope[:, :, None] * np.eye(dim - kept))
    assert (abs(found[:, kept:, :kept]).max(0) > 1e-4).all()
    np.testing.assert_allclose(log_det, np.log(slope).sum(1), rtol=1e-4, atol=1e-4)


@any_seed
def test_the_inverse_is_the_curve_read_backwards(first: float) -> None:
    flow = made(scale=0.3)
    x = np.linspace(-6, 6, POINTS)
    y, log_slope = curve(flow, first, x)
    back, back_log_det = on_arrays(flow.invert, section(first, y))
    loss = 1e-5 / np.minimum(1, np.exp(log_slope))
    assert (abs(back[:, 1] - x) <= loss).all()
    np.testing.assert_allclose(back_log_det, -log_slope, atol=2e-3)


def test_the_context_bends_the_curve() -> None:
    flow = made(conditioned=True)
    z = np.tile(section(0.3, np.array([0.7])), (8, 1))
    z_next, log_det = on_arrays(flow.transform, z, normal(8, CONTEXT_DIM))
    assert len(np.unique(z_next[:, 1].round(4))) > 4
    assert len(np.unique(log_det.round(4))) > 4
    np.testing.assert_array_equal(z_next[:, 0], z[:, 0])


def test_points_at_the_bounds_and_knots_have_finite_derivatives() -> None:
    inner = float(np.nextafter(np.float32(5), np.float32(0)))
    z = section(0.3, np.array([-5.0, 5.0, 0.0, inner, -inner, 1.0, -1.0, 50.0]))
    for scale in (0.0, 0.5):
        flow = made(scale=scale)
        for method in (flow.transform, flow.invert):
            assert np.isfinite(jacobian_of(method, z)).all()
            for result in on_arrays(method, z):
                assert np.isfinite(result).all()


@both
def test_one_number_cannot_be_split(conditioned: bool) -> None:
    with pytest.raises(ValueError, match=r"dim.*\b1\b"):
        SplineCoupling().build((None, 1), (None, CONTEXT_DIM) if conditioned else None)


@pytest.mark.parametrize("bins", [0, -1, 2.5])
def test_a_number_of_bins_that_counts_nothing_is_refused(bins: float) -> None:
    with pytest.raises(ValueError, match="`bins` must be a whole number of at least 1"):
        SplineCoupling(bins=bins)  # type: ignore[arg-type]


@pytest.mark.parametrize("bound", [0.0, -1.0, float("inf"), float("nan")])
def test_a_bound_that_bounds_nothing_is_refused(bound: float) -> None:
    with pytest.raises(ValueError, match="`bound` must be a positive number"):
        SplineCoupling(bound=bound)
