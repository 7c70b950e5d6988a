from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from keras import ops

from keras_ae.flows import Sylvester
from tests.flows.cases import (
    CONTEXT_DIM,
    ROUNDING,
    built,
    jacobian_of,
    normal,
    on_arrays,
    rounding_loss,
)

DIM = 5
RANKS = (1, 3, 5)

both = pytest.mark.parametrize("conditioned", [False, True])
any_rank = pytest.mark.parametrize("rank", RANKS)


def made(
    rank: int | None, conditioned: bool = False, scale: float = 1.0, reflections: int = 4
) -> tuple[Sylvester, np.ndarray | None]:
    """Return a flow of wild weights, and one context for all rows if it takes any."""
    flow = Sylvester(rank=rank, reflections=reflections)
    built(flow, DIM, CONTEXT_DIM if conditioned else None, scale=scale)
    return flow, np.tile(normal(1, CONTEXT_DIM), (30, 1)) if conditioned else None


def spanned(flow: Sylvester, z: np.ndarray, context: np.ndarray | None) -> np.ndarray:
    """Return the projector on the directions in which the map moves, from its Jacobians."""
    differences = jacobian_of(flow.transform, z, context) - np.eye(DIM)
    values, vectors = np.linalg.eigh((differences @ differences.transpose(0, 2, 1)).mean(0))
    kept = vectors[:, values > 1e-11 * max(1, values.max())]
    return kept @ kept.T


def orthogonal(flow: Sylvester, rank: int) -> list[np.ndarray]:
    """Return Q, `(dim, rank)`, by Householder reflections: van den Berg et al. (2018), eq. 21-22.

    The vectors are the one weight of that size; they may act in either order.
    """
    (vectors,) = [
        ops.convert_to_numpy(w).reshape(-1, DIM).astype("f8")
        for w in flow.trainable_weights
        if int(np.prod(w.shape)) == 4 * DIM
    ]
    matrices = [np.eye(DIM) - 2 * np.outer(v, v) / (v @ v) for v in vectors]
    return [reduce(np.matmul, order)[:, :rank] for order in (matrices, matrices[::-1])]


def triangular(flow: Sylvester, rank: int, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Q and Q^T (J - I) Q = R diag(h') R~, which is upper triangular for the right Q."""
    difference = jacobian_of(flow.transform, z) - np.eye(DIM)
    found = [(q, q.T @ difference @ q) for q in orthogonal(flow, rank)]
    return min(found, key=lambda pair: float(abs(np.tril(pair[1], -1)).max()))


@any_rank
@both
def test_the_map_moves_in_as_many_directions_as_its_rank(rank: int, conditioned: bool) -> None:
    flow, context = made(rank, conditioned, scale=0.5)
    z = normal(30, DIM)
    projector = spanned(flow, z, context)
    assert round(np.trace(projector)) == rank
    moved = on_arrays(flow.transform, z, context)[0] - z
    np.testing.assert_allclose(moved @ projector, moved, atol=1e-4)
    # ... and by what z is in those directions only: eq. 9, R~ Q^T z.
    difference = jacobian_of(flow.transform, z, context) - np.eye(DIM)
    np.testing.assert_allclose(difference @ projector, difference, atol=1e-4)


def test_the_rank_is_the_dimension_by_default() -> None:
    flow, _ = made(None)
    assert round(np.trace(spanned(flow, normal(30, DIM), None))) == DIM


@any_rank
@both
def test_the_log_determinant_is_that_of_the_jacobian(rank: int, conditioned: bool) -> None:
    flow, context = made(rank, conditioned)
    z = normal(30, DIM)
    _, log_det = on_arrays(flow.transform, z, context)
    jacobian = jacobian_of(flow.transform, z, context)
    sign, wanted = np.linalg.slogdet(jacobian)
    assert (sign == 1).all()
    # What float32 loses of the least singular value when it adds the identity.
    assert (abs(log_det - wanted) <= 1e-5 + ROUNDING * np.linalg.cond(jacobian)).all()


@any_rank
def test_the_map_is_triangular_in_the_basis_of_its_reflections(rank: int) -> None:
    flow, _ = made(rank)
    z = normal(30, DIM)
    q, inner = triangular(flow, rank, z)
    np.testing.assert_allclose(np.tril(inner, -1), 0, atol=1e-5 * abs(inner).max())
    whole = jacobian_of(flow.transform, z) - np.eye(DIM)
    np.testing.assert_allclose(q @ inner @ q.T, whole, atol=1e-5 * abs(whole).max())


@any_rank
def test_the_determinant_is_the_papers_product_over_the_diagonals(rank: int) -> None:
    flow, _ = made(rank)
    z = normal(30, DIM)
    _, inner = triangular(flow, rank, z)
    diagonal = np.diagonal(inner, axis1=1, axis2=2)  # h'_i r_ii r~_ii
    assert (diagonal > -1).all()  # eq. 14
    wanted = np.log1p(diagonal).sum(1)  # eq. 13
    np.testing.assert_allclose(on_arrays(flow.transform, z)[1], wanted, rtol=1e-4, atol=1e-4)


@any_rank
def test_the_innermost_unit_is_a_planar_flow_of_tanh(rank: int) -> None:
    flow, _ = made(rank)
    z = normal(30, DIM)
    q, inner = triangular(flow, rank, z)
    moved = ((on_arrays(flow.transform, z)[0] - z).astype("f8") @ q)[:, -1]
    slope = inner[:, -1, -1]
    # moved = r tanh(r~ s + b), so slope = r r~ (1 - tanh^2) = r r~ - (r~ / r) moved^2.
    line = np.polynomial.polynomial.Polynomial.fit(moved**2, slope, 1)
    np.testing.assert_allclose(line(moved**2), slope, atol=1e-4)
    intercept, gradient = line.convert().coef
    r, r_tilde = np.sqrt(-intercept / gradient), np.sqrt(-intercept * gradient)
    assert r <= 1.001  # both diagonals are a tanh
    assert r_tilde <= 1.001


@any_rank
@both
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_every_point_has_an_inverse_for_any_weights(
    rank: int, conditioned: bool, scale: float
) -> None:
    flow, context = made(rank, conditioned, scale)
    z_next = normal(30, DIM, scale=3.0)
    z, log_det = on_arrays(flow.invert, z_next, context)
    again, _ = on_arrays(flow.transform, z, context)
    assert np.isfinite(log_det).all()
    allowed = rounding_loss(flow, z, context, image_first=True)
    assert (abs(again - z_next).max(1) <= allowed).all()


@both
def test_wild_weights_keep_the_determinant_positive(conditioned: bool) -> None:
    flow, context = made(3, conditioned, scale=2.0)
    z = normal(30, DIM)
    determinant = np.linalg.det(jacobian_of(flow.transform, z, context))
    assert (determinant > 0).all()
    assert np.isfinite(on_arrays(flow.transform, z, context)[1]).all()


@pytest.mark.parametrize("rank", [6, 0, -1])
def test_a_rank_that_does_not_fit_is_refused(rank: int) -> None:
    with pytest.raises(ValueError, match="`rank`"):
        Sylvester(rank=rank).build((None, DIM))
