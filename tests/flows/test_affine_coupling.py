from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from keras_ae.flows import AffineCoupling
from tests.flows.cases import CONTEXT_DIM, built, jacobian_of, normal, on_arrays

DIMS = (2, 5)

both = pytest.mark.parametrize("conditioned", [False, True])
any_dim = pytest.mark.parametrize("dim", DIMS)


def made(
    dim: int, conditioned: bool = False, scale: float = 0.7
) -> tuple[AffineCoupling, np.ndarray | None]:
    flow = AffineCoupling(hidden=(16,), activation="tanh")
    built(flow, dim, CONTEXT_DIM if conditioned else None, scale=scale)
    return flow, normal(8, CONTEXT_DIM, seed=6) if conditioned else None


def split(flow: AffineCoupling, z: np.ndarray, context: np.ndarray | None) -> int:
    """Return how many numbers the map leaves as they are."""
    moved = (on_arrays(flow.transform, z, context)[0] != z).any(0)
    kept = int(np.argmax(moved))
    assert moved[kept:].all()
    return kept


@any_dim
@both
@pytest.mark.parametrize("direction", ["transform", "invert"])
def test_the_first_half_stays_and_the_second_moves(
    dim: int, conditioned: bool, direction: str
) -> None:
    flow, context = made(dim, conditioned)
    z = normal(8, dim)
    image, _ = on_arrays(getattr(flow, direction), z, context)
    kept = split(flow, z, context)
    assert kept in (dim // 2, (dim + 1) // 2)
    np.testing.assert_array_equal(image[:, :kept], z[:, :kept])
    assert (abs(image[:, kept:] - z[:, kept:]) > 1e-6).all()


@any_dim
@both
def test_the_jacobian_is_that_of_a_shift_and_a_scale(dim: int, conditioned: bool) -> None:
    flow, context = made(dim, conditioned)
    z = normal(8, dim)
    kept = split(flow, z, context)
    found = jacobian_of(flow.transform, z, context)
    eye = np.broadcast_to(np.eye(kept, dim), (8, kept, dim))
    np.testing.assert_array_equal(found[:, :kept], eye)
    second = found[:, kept:, kept:]
    slope = np.diagonal(second, axis1=1, axis2=2)
    np.testing.assert_array_equal(second, slope[:, :, None] * np.eye(dim - kept))
    assert (slope > 0).all()
    assert (abs(found[:, kept:, :kept]).max(0) > 1e-4).all()
    _, log_det = on_arrays(flow.transform, z, context)
    np.testing.assert_allclose(log_det, np.log(slope).sum(1), rtol=1e-5, atol=1e-5)


@any_dim
@both
def test_shift_and_scale_depend_on_the_first_half_only(dim: int, conditioned: bool) -> None:
    flow, context = made(dim, conditioned)
    z = normal(8, dim)
    kept = split(flow, z, context)
    before, log_det = on_arrays(flow.transform, z, context)
    slope = np.diagonal(jacobian_of(flow.transform, z, context), axis1=1, axis2=2)[:, kept:]
    moved = z.copy()
    moved[:, kept:] += np.float32(2.5)
    after, log_det_there = on_arrays(flow.transform, moved, context)
    np.testing.assert_allclose(
        after[:, kept:] - before[:, kept:], 2.5 * slope, rtol=1e-5, atol=1e-5
    )
    np.testing.assert_array_equal(log_det_there, log_det)


def test_wild_weights_scale_within_bounds() -> None:
    flow, _ = made(4, scale=30.0)
    z = normal(64, 4)
    slope = np.diagonal(jacobian_of(flow.transform, z), axis1=1, axis2=2)
    assert (abs(np.log(slope)) < 10).all()


def test_the_context_enters_scale_and_shift() -> None:
    flow, context = made(2, True)
    z = np.tile(normal(1, 2), (8, 1))
    z_next, log_det = on_arrays(flow.transform, z, context)
    assert (abs(z_next[1:, 1] - z_next[0, 1]) > 1e-4).all()
    assert (abs(log_det[1:] - log_det[0]) > 1e-4).all()
    np.testing.assert_array_equal(z_next[:, 0], z[:, 0])


def test_the_density_is_a_gaussian_given_the_first_half() -> None:
    flow, _ = made(2)
    x = normal(8, 2)
    mean, ahead = (
        on_arrays(flow.transform, np.stack([x[:, 0], np.full(8, a, "f4")], 1))[0][:, 1]
        for a in (0, 1)
    )
    noise, log_det = on_arrays(flow.invert, x)
    got = stats.norm.logpdf(noise.astype("f8")).sum(1) + log_det
    wanted = stats.norm.logpdf(x[:, 0]) + stats.norm.logpdf(x[:, 1], mean, ahead - mean)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("conditioned", [False, True])
def test_one_number_cannot_be_split(conditioned: bool) -> None:
    with pytest.raises(ValueError, match=r"dim.*\b1\b"):
        AffineCoupling().build((None, 1), (None, CONTEXT_DIM) if conditioned else None)
