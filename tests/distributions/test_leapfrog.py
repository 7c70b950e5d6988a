from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.distributions.kernel_metric import KernelMetric
from keras_ae.distributions.leapfrog import (
    MAX_IMPULSE,
    cooling,
    generalised_leapfrog,
    impulse,
    leapfrog,
)
from tests.distributions.oracle import assert_close, gradient_of_sum
from tests.jacobians import jacobian

RNG = np.random.default_rng(0)
SIZE = 3
Z = RNG.normal(size=(6, SIZE)).astype("float32")
MOMENTUM = RNG.normal(size=(6, SIZE)).astype("float32")
PRECISION = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 1.5]])
STEP = np.array([0.1, 0.15, 0.2], "float32")
CENTRES = RNG.normal(size=(4, SIZE)).astype("float32")
FACTORS = np.tril(0.5 * RNG.normal(size=(4, SIZE, SIZE))).astype("float32")

Steps = Callable[..., tuple[Any, Any]]


def slope(z: Any) -> Any:
    """Return the gradient of z^T P z / 2 + sum z^4 / 20."""
    return ops.matmul(z, ops.convert_to_tensor(PRECISION, "float32")) + z**3 / 5.0


def potential(z: np.ndarray) -> np.ndarray:
    z = z.astype("f8")
    return 0.5 * ((z @ PRECISION) * z).sum(1) + (z**4).sum(1) / 20


def metric(factors: np.ndarray = FACTORS, floor: float = 0.5) -> KernelMetric:
    return KernelMetric(*map(ops.convert_to_tensor, (CENTRES, factors)), 1.5, floor)


def flat_steps(z: Any, r: Any, step: Any, factors: Any) -> tuple[Any, Any]:
    return leapfrog(z, r, slope, step, factors)


def curved_steps(z: Any, r: Any, step: Any, factors: Any) -> tuple[Any, Any]:
    return generalised_leapfrog(z, r, slope, metric(), step, factors)


def exactly_curved_steps(z: Any, r: Any, step: Any, factors: Any) -> tuple[Any, Any]:
    return generalised_leapfrog(z, r, slope, metric(), step, factors, iterations=12)


def flat_energy(z: np.ndarray, r: np.ndarray) -> np.ndarray:
    return potential(z) + 0.5 * (r.astype("f8") ** 2).sum(1)


def curved_energy(z: np.ndarray, r: np.ndarray) -> np.ndarray:
    place = metric().at(ops.convert_to_tensor(z))
    return potential(z) - ops.convert_to_numpy(place.log_prob(ops.convert_to_tensor(r)))


def moved(steps: Steps, z: Any, r: Any, step: Any, factors: Any) -> tuple[np.ndarray, np.ndarray]:
    z, r = steps(*map(ops.convert_to_tensor, (z, r, step)), factors)
    return ops.convert_to_numpy(z), ops.convert_to_numpy(r)


def volume(steps: Steps, factors: Any, step: np.ndarray = STEP) -> np.ndarray:
    """Return |det| of the map of places and momenta together, of each row."""

    def both(whole: Any) -> Any:
        z, r = steps(whole[:, :SIZE], whole[:, SIZE:], ops.convert_to_tensor(step), factors)
        return ops.concatenate([z, r], axis=-1)

    return np.abs(np.linalg.det(jacobian(both, np.concatenate([Z, MOMENTUM], 1)).astype("f8")))


def test_the_cooling_is_the_papers() -> None:
    beta, steps = 0.3, 4
    found = [float(factor) for factor in cooling(ops.convert_to_tensor(beta), steps)]
    roots = [
        1 / ((1 - 1 / np.sqrt(beta)) * k**2 / steps**2 + 1 / np.sqrt(beta))
        for k in range(steps + 1)
    ]
    assert roots[0] == pytest.approx(np.sqrt(beta))
    assert roots[-1] == pytest.approx(1.0)
    assert found == pytest.approx([roots[k - 1] / roots[k] for k in range(1, steps + 1)])
    assert np.prod(found) == pytest.approx(np.sqrt(beta))
    assert cooling(ops.convert_to_tensor(1.0), 2) == [1.0, 1.0]


def test_the_steps_are_those_of_the_book() -> None:
    z, r = Z.astype("f8"), MOMENTUM.astype("f8")
    push = lambda z: -STEP * (z @ PRECISION + z**3 / 5)  # noqa: E731
    for factor in (0.5, 0.8):
        half = r + push(z) / 2
        z = z + STEP * half  # by the half step's momentum, not by the old one
        r = factor * (half + push(z) / 2)
    found = moved(flat_steps, Z, MOMENTUM, STEP, [0.5, 0.8])
    assert_close(found[0], z)
    assert_close(found[1], r)


@pytest.mark.parametrize(
    ("steps", "near"), [(flat_steps, 1e-5), (exactly_curved_steps, 1e-4), (curved_steps, 5e-3)]
)
def test_they_can_be_taken_back(steps: Steps, near: float) -> None:
    z, r = moved(steps, Z, MOMENTUM, STEP, [1.0] * 5)
    assert np.abs(z - Z).max() > 0.1
    back, turned = moved(steps, z, -r, STEP, [1.0] * 5)
    np.testing.assert_allclose(back, Z, atol=near)
    np.testing.assert_allclose(-turned, MOMENTUM, atol=near)


@pytest.mark.parametrize("beta", [1.0, 0.3])
@pytest.mark.parametrize(
    ("steps", "near"), [(flat_steps, 1e-4), (exactly_curved_steps, 5e-4), (curved_steps, 2e-2)]
)
def test_only_the_cooling_changes_the_volume(steps: Steps, near: float, beta: float) -> None:
    factors = cooling(ops.convert_to_tensor(beta), 3)
    wanted = beta ** (SIZE / 2)
    np.testing.assert_allclose(volume(steps, factors), wanted, rtol=near)


def test_the_implicit_equations_of_small_steps_are_solved_by_three_iterations() -> None:
    found = volume(curved_steps, [1.0] * 3, 0.1 * STEP)
    np.testing.assert_allclose(found, 1.0, rtol=1e-4)


def test_a_push_that_is_cut_keeps_volume_too() -> None:
    steep = lambda z: 1e2 * slope(z)  # noqa: E731
    steps = lambda z, r, step, factors: leapfrog(z, r, steep, step, factors)  # noqa: E731
    assert (
        np.abs(STEP * ops.convert_to_numpy(steep(ops.convert_to_tensor(Z)))).max(1) > MAX_IMPULSE
    ).any()
    np.testing.assert_allclose(volume(steps, [1.0]), 1.0, rtol=2e-3)


@pytest.mark.parametrize(
    ("steps", "energy"), [(flat_steps, flat_energy), (exactly_curved_steps, curved_energy)]
)
def test_the_energys_error_is_of_the_second_order(steps: Steps, energy: Any) -> None:
    errors = []
    for halvings in range(3):
        count = 4 * 2**halvings
        z, r = moved(steps, Z, MOMENTUM, STEP * 2 / 2**halvings, [1.0] * count)
        errors.append(np.sqrt(np.mean((energy(z, r) - energy(Z, MOMENTUM)) ** 2)))
    assert errors[0] > 1e-3
    for coarse, fine in itertools.pairwise(errors):
        assert 3.0 < coarse / fine < 6.0


def test_a_constant_metric_is_a_mass() -> None:
    none = metric(np.zeros_like(FACTORS), floor=4.0)

    def steps(z: Any, r: Any, step: Any, factors: Any) -> tuple[Any, Any]:
        return generalised_leapfrog(z, r, slope, none, step, factors)

    factors = [0.5, 0.8, 1.0]
    found = moved(steps, Z, MOMENTUM, STEP, factors)
    # Momenta sqrt(lambda) times as large, and steps: v = sqrt(lambda) r.
    wanted = moved(flat_steps, Z, 2.0 * MOMENTUM, 2.0 * STEP, factors)
    assert_close(found[0], wanted[0])
    assert_close(2.0 * found[1], wanted[1])


def test_an_impulse_is_the_push_up_to_its_longest() -> None:
    slopes = np.array([[3.0, -4.0, 0.0], [30.0, -40.0, 0.0], [0.0, 0.0, 0.0], [3e25, 4e25, 0.0]])
    step = np.array([0.5, 0.5, 0.5])
    run = lambda s: impulse(s, ops.convert_to_tensor(step, "float32"))  # noqa: E731
    found = ops.convert_to_numpy(run(ops.convert_to_tensor(slopes, "float32")))
    wanted = [[-1.5, 2.0, 0.0], [-6.0, 8.0, 0.0], [0.0, 0.0, 0.0], [-6.0, -8.0, 0.0]]
    assert_close(found, wanted)
    assert np.isfinite(gradient_of_sum(run, slopes)).all()
