from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from keras import ops

from keras_ae.flows import Householder
from tests.flows.cases import CONTEXT_DIM, built, jacobian_of, normal, on_arrays

DIM = 5

both = pytest.mark.parametrize("conditioned", [False, True])


def made(reflections: int, conditioned: bool) -> tuple[Householder, np.ndarray | None]:
    flow = Householder(reflections=reflections)
    built(flow, DIM, CONTEXT_DIM if conditioned else None, scale=1.0)
    return flow, normal(8, CONTEXT_DIM, seed=6) if conditioned else None


def reflected(vectors: np.ndarray) -> list[np.ndarray]:
    """Return H = I - 2 v v^T / |v|^2 for each v: Tomczak and Welling (2016), eq. 8."""
    return [np.eye(v.size) - 2 * np.outer(v, v) / (v @ v) for v in vectors.astype("f8")]


@both
@pytest.mark.parametrize("reflections", [1, 2, 3, 4, 8])
def test_the_jacobian_is_orthogonal(reflections: int, conditioned: bool) -> None:
    flow, context = made(reflections, conditioned)
    z = normal(8, DIM)
    q = jacobian_of(flow.transform, z, context)
    eye = np.broadcast_to(np.eye(DIM), q.shape)
    np.testing.assert_allclose(q.transpose(0, 2, 1) @ q, eye, atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(q), (-1.0) ** reflections, atol=1e-5)
    np.testing.assert_allclose(
        on_arrays(flow.transform, z, context)[0], np.einsum("bij,bj->bi", q, z), atol=1e-5
    )


@both
def test_norms_stay_and_volumes_too(conditioned: bool) -> None:
    flow, context = made(4, conditioned)
    z = normal(8, DIM, scale=10.0)
    for method in (flow.transform, flow.invert):
        turned, log_det = on_arrays(method, z, context)
        np.testing.assert_allclose(
            np.linalg.norm(turned, axis=1), np.linalg.norm(z, axis=1), rtol=1e-5
        )
        np.testing.assert_array_equal(log_det, np.zeros(8, "float32"))


def test_the_inverse_is_the_transpose() -> None:
    flow, context = made(3, True)
    z = normal(8, DIM)
    forth, back = (jacobian_of(f, z, context) for f in (flow.transform, flow.invert))
    np.testing.assert_allclose(back, forth.transpose(0, 2, 1), atol=1e-5)


@pytest.mark.parametrize("reflections", [1, 2, 3])
def test_the_map_is_the_product_of_the_papers_reflections(reflections: int) -> None:
    flow, _ = made(reflections, False)
    weights = [ops.convert_to_numpy(w).ravel() for w in flow.trainable_weights]
    matrices = reflected(np.concatenate(weights).reshape(reflections, DIM))
    q = jacobian_of(flow.transform, normal(1, DIM))[0]
    products = [reduce(np.matmul, order) for order in (matrices, matrices[::-1])]
    assert any(np.allclose(q, product, atol=1e-5) for product in products)


def test_each_context_has_a_rotation_of_its_own() -> None:
    flow, context = made(4, True)
    q = jacobian_of(flow.transform, np.tile(normal(1, DIM), (8, 1)), context)
    assert (abs(q[1:] - q[:1]).max((1, 2)) > 1e-2).all()


def test_the_length_of_a_vector_does_not_matter() -> None:
    flow, _ = made(2, False)
    z = normal(8, DIM)
    before, _ = on_arrays(flow.transform, z)
    for factor in (1e-3, 1e3):
        for weight in flow.trainable_weights:
            weight.assign(ops.convert_to_numpy(weight) * np.float32(factor))
        np.testing.assert_allclose(on_arrays(flow.transform, z)[0], before, atol=1e-4)


@pytest.mark.parametrize("reflections", [0, -1, 1.5])
def test_a_number_of_reflections_that_counts_nothing_is_refused(reflections: float) -> None:
    with pytest.raises(ValueError, match="`reflections` must be a whole number of at least 1"):
        Householder(reflections=reflections)  # type: ignore[arg-type]
