from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.distributions import kernel_metric
from keras_ae.distributions.kernel_metric import KernelMetric, Place, bounded_factors
from tests.distributions.oracle import assert_close

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(5, 3)).astype("float32")
FACTORS = np.tril(RNG.normal(size=(5, 3, 3))).astype("float32")
Z = RNG.normal(size=(4, 3)).astype("float32")
MOMENTUM = RNG.normal(size=(4, 3)).astype("float32")
WIDTH, FLOOR = 1.3, 0.05


def at(z: np.ndarray) -> Place:
    tensors = (ops.convert_to_tensor(a) for a in (CENTRES, FACTORS))
    return KernelMetric(*tensors, WIDTH, FLOOR).at(ops.convert_to_tensor(z))


def inverse(z: np.ndarray) -> np.ndarray:
    """Return G^{-1} of one place, float64."""
    total = FLOOR * np.eye(3)
    for c, factor in zip(CENTRES.astype("f8"), FACTORS.astype("f8"), strict=True):
        total = total + factor @ factor.T * np.exp(-((z - c) ** 2).sum() / WIDTH**2)
    return total


def energy(z: np.ndarray, r: np.ndarray, most: float = np.inf) -> float:
    """Return phi(r^T G^{-1} r / 2) + 0.5 log det G of one place, float64."""
    q = 0.5 * r @ inverse(z) @ r
    phi = q if q <= most else most * (1 + np.log(q / most))
    return float(phi - 0.5 * np.log(np.linalg.det(inverse(z))))


def slopes(function: Any, x: np.ndarray, width: float = 1e-6) -> np.ndarray:
    """Return central differences."""
    steps = width * np.eye(len(x))
    return np.array([(function(x + s) - function(x - s)) / (2 * width) for s in steps])


def test_the_metric_is_the_papers() -> None:
    place, wanted = at(Z), np.stack([inverse(z) for z in Z.astype("f8")])
    assert_close(ops.convert_to_numpy(place.inverse), wanted)
    assert_close(ops.convert_to_numpy(place.matrix), np.linalg.inv(wanted), rtol=1e-4)
    determinants = 0.5 * np.log(np.linalg.det(wanted))
    assert_close(ops.convert_to_numpy(place.half_log_det), determinants)
    root = ops.convert_to_numpy(place.root)
    assert_close(root @ root.transpose(0, 2, 1), wanted)


def test_momenta_have_the_metric_as_their_covariance() -> None:
    place = at(Z)
    noise = np.eye(3, dtype="float32")
    drawn = [
        ops.convert_to_numpy(place.momentum(ops.convert_to_tensor(np.tile(row, (4, 1)))))
        for row in noise
    ]
    map_of_noise = np.stack(drawn, axis=-1)  # (batch, d, noise)
    found = map_of_noise @ map_of_noise.transpose(0, 2, 1)
    assert_close(found, np.stack([np.linalg.inv(inverse(z)) for z in Z.astype("f8")]), rtol=1e-4)


def test_their_density_is_scipys() -> None:
    found = ops.convert_to_numpy(at(Z).log_prob(ops.convert_to_tensor(MOMENTUM)))
    wanted = [
        stats.multivariate_normal(cov=np.linalg.inv(inverse(z))).logpdf(r)
        for z, r in zip(Z.astype("f8"), MOMENTUM.astype("f8"), strict=True)
    ]
    assert_close(found, wanted)


@pytest.mark.parametrize("most", [np.inf, 2.0])
def test_velocity_and_slope_are_the_energys_gradients(
    most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_metric, "ENERGY", min(most, 1e6) / 3)  # for each coordinate
    place, r = at(Z), ops.convert_to_tensor(MOMENTUM)
    rows = list(zip(Z.astype("f8"), MOMENTUM.astype("f8"), strict=True))
    if np.isfinite(most):
        assert {0.5 * r @ inverse(z) @ r > most for z, r in rows} == {True, False}
    wanted = [slopes(lambda p, z=z: energy(z, p, most), r) for z, r in rows]
    assert_close(ops.convert_to_numpy(place.velocity(r)), wanted)
    wanted = [slopes(lambda p, r=r: energy(p, r, most), z) for z, r in rows]
    assert_close(ops.convert_to_numpy(place.slope(r)), wanted, rtol=1e-4)


def test_factors_are_triangular_and_within_bounds_whatever_they_are_made_of() -> None:
    entries = RNG.normal(size=(9, 10)).astype("float32")
    found = ops.convert_to_numpy(bounded_factors(ops.convert_to_tensor(entries)))
    wanted = np.zeros((9, 4, 4))
    wanted[:, np.arange(4), np.arange(4)] = np.exp(1.5 * np.tanh(entries[:, :4]))
    wanted[:, *np.tril_indices(4, -1)] = np.tanh(entries[:, 4:]) / 2
    assert_close(found, wanted)
    found = ops.convert_to_numpy(bounded_factors(ops.convert_to_tensor(1e30 * entries)))
    assert np.abs(found).max() == pytest.approx(np.exp(1.5), rel=1e-5)
    one = ops.convert_to_numpy(bounded_factors(ops.convert_to_tensor(entries[:, :1])))
    assert_close(one[:, 0, 0], np.exp(1.5 * np.tanh(entries[:, 0])))


@pytest.mark.parametrize("size", [2, 16, 64])
def test_the_largest_metric_can_be_factored(size: int) -> None:
    count = size * (size + 1) // 2
    centres = ops.zeros((100, size), "float32")
    for entries in (
        1e9 * RNG.normal(size=(100, count)),
        1e9 * np.ones((100, count)),
        np.tile(1e9 * np.r_[1.0, -np.ones(count - 1)], (100, 1)),
    ):
        factors = bounded_factors(ops.convert_to_tensor(entries, "float32"))
        place = KernelMetric(centres, factors, 1.5, kernel_metric.MIN_FLOOR).at(centres[:1])
        assert np.isfinite(ops.convert_to_numpy(place.root)).all()
        assert np.isfinite(ops.convert_to_numpy(place.matrix)).all()


def test_far_from_all_centres_it_is_flat() -> None:
    place = at(1e4 * np.ones((1, 3), "float32"))
    assert_close(ops.convert_to_numpy(place.inverse)[0], FLOOR * np.eye(3))
    r = ops.convert_to_tensor(1e10 * np.ones((1, 3), "float32"))
    assert_close(ops.convert_to_numpy(place.slope(r)), np.zeros((1, 3)))
    assert (np.abs(ops.convert_to_numpy(place.velocity(r))) < 1.0).all()
