from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from keras_ae.flows import InverseAutoregressive
from tests.flows.cases import CONTEXT_DIM, built, jacobian_of, normal, on_arrays

DIM = 5

both = pytest.mark.parametrize("conditioned", [False, True])


def made(
    conditioned: bool = False, scale: float = 0.5
) -> tuple[InverseAutoregressive, np.ndarray | None]:
    flow = InverseAutoregressive(hidden=(16,), activation="tanh")
    built(flow, DIM, CONTEXT_DIM if conditioned else None, scale=scale)
    return flow, normal(8, CONTEXT_DIM, seed=6) if conditioned else None


@both
@pytest.mark.parametrize("direction", ["transform", "invert"])
def test_the_jacobian_is_triangular(direction: str, conditioned: bool) -> None:
    flow, context = made(conditioned)
    found = jacobian_of(getattr(flow, direction), normal(8, DIM), context)
    np.testing.assert_array_equal(np.triu(found, 1), np.zeros_like(found))
    assert (abs(np.tril(found, -1)).max(0)[np.tril_indices(DIM, -1)] > 1e-6).all()


@both
def test_the_gate_is_between_zero_and_one(conditioned: bool) -> None:
    flow, context = made(conditioned)
    z = normal(8, DIM)
    gate = np.diagonal(jacobian_of(flow.transform, z, context), axis1=1, axis2=2)
    assert (gate > 0).all()
    assert (gate < 1).all()
    _, log_det = on_arrays(flow.transform, z, context)
    np.testing.assert_allclose(log_det, np.log(gate).sum(1), rtol=1e-5, atol=1e-5)
    assert (log_det < 0).all()


def test_the_gate_starts_open() -> None:
    flow, _ = made(scale=0.0)
    gate = np.diagonal(jacobian_of(flow.transform, normal(8, DIM)), axis1=1, axis2=2)
    assert (gate > 0.7).all()  # Kingma et al. (2016), 3.3: biased to 1 or 2 at the start


@both
@pytest.mark.parametrize("i", range(DIM))
def test_gate_and_mean_depend_on_the_earlier_numbers_only(i: int, conditioned: bool) -> None:
    flow, context = made(conditioned)
    z = normal(8, DIM)

    def gate_and_mean(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gate = jacobian_of(flow.transform, points, context)[:, i, i]
        image = on_arrays(flow.transform, points, context)[0][:, i]
        return gate, (image - gate * points[:, i]) / (1 - gate)

    before = gate_and_mean(z)
    moved = z.copy()
    moved[:, i:] += 3.0
    for a, b in zip(gate_and_mean(moved), before, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_one_point_under_two_contexts_has_two_images() -> None:
    flow, context = made(True)
    z = np.tile(normal(1, DIM), (8, 1))
    z_next, log_det = on_arrays(flow.transform, z, context)
    assert (abs(z_next[1:] - z_next[:1]).min(1) > 1e-4).all()  # the first number's too
    assert (abs(log_det[1:] - log_det[0]) > 1e-4).all()


@both
def test_the_density_of_a_point_is_the_same_by_either_way(conditioned: bool) -> None:
    flow, context = made(conditioned)
    noise = normal(8, DIM)
    z, log_det = on_arrays(flow.transform, noise, context)
    drawn = stats.norm.logpdf(noise).sum(1) - log_det
    back, back_log_det = on_arrays(flow.invert, z, context)
    scored = stats.norm.logpdf(back).sum(1) + back_log_det
    np.testing.assert_allclose(scored, drawn, rtol=1e-4, atol=1e-4)


def test_wild_weights_leave_the_gate_open_enough_to_invert() -> None:
    flow, _ = made(scale=30.0)
    z = normal(64, DIM)
    for method in (flow.transform, flow.invert):
        for result in on_arrays(method, z):
            assert np.isfinite(result).all()
