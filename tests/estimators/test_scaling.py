"""Scaling against NumPy's means and deviations."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from keras_ae.estimators.scaling import Scaling

RNG = np.random.default_rng(11)
NUMBERS = RNG.normal(size=(200, 4)) * [1.0, 1e-4, 1e6, 30.0] + [0.0, 1.0, -1e7, 1e3]
GAPS = np.where(RNG.random(NUMBERS.shape) < 0.2, np.nan, NUMBERS)


@pytest.mark.parametrize("numbers", [NUMBERS, GAPS], ids=["whole", "gaps"])
def test_offset_and_scale_are_numpys_mean_and_deviation(numbers: np.ndarray) -> None:
    found = Scaling.of(numbers)
    np.testing.assert_allclose(found.offset, np.nanmean(numbers, 0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.scale, np.nanstd(numbers, 0), rtol=1e-9)


@pytest.mark.parametrize("numbers", [NUMBERS, GAPS], ids=["whole", "gaps"])
def test_scaled_rows_are_standard_scores(numbers: np.ndarray) -> None:
    got = Scaling.of(numbers).apply(numbers)
    assert got.dtype == np.float32
    wanted = (numbers - np.nanmean(numbers, 0)) / np.nanstd(numbers, 0)
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(numbers))


@pytest.mark.parametrize("numbers", [NUMBERS, GAPS], ids=["whole", "gaps"])
def test_restored_rows_are_those_that_were_scaled(numbers: np.ndarray) -> None:
    scaling = Scaling.of(numbers)
    scaled = scaling.apply(numbers)
    got = scaling.restore(scaled)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, scaled.astype("f8") * scaling.scale + scaling.offset)
    excess = abs(got - numbers) / np.nanstd(numbers, 0)
    assert np.nanmax(excess) < 5 * 2.0**-23
    np.testing.assert_array_equal(np.isnan(got), np.isnan(numbers))


@pytest.mark.parametrize("numbers", [NUMBERS, GAPS], ids=["whole", "gaps"])
def test_a_weight_counts_as_so_many_rows(numbers: np.ndarray) -> None:
    weight = RNG.integers(0, 5, len(numbers))
    found, wanted = Scaling.of(numbers, weight=weight), np.repeat(numbers, weight, 0)
    np.testing.assert_allclose(found.offset, np.nanmean(wanted, 0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.scale, np.nanstd(wanted, 0), rtol=1e-9)
    halves = Scaling.of(numbers, weight=weight / 8)
    np.testing.assert_allclose(halves.scale, found.scale, rtol=1e-12)


def test_rows_without_a_weight_leave_a_column_constant() -> None:
    numbers = np.array([[1.0, 2.0], [1.0, 3.0], [9.0, 4.0]])
    with pytest.warns(UserWarning, match="columns a are constant"):
        found = Scaling.of(numbers, weight=np.array([1.0, 1.0, 0.0]), names=["a", "b"])
    np.testing.assert_allclose(found.offset, [1.0, 2.5])
    np.testing.assert_allclose(found.scale, [1.0, 0.5])


@pytest.mark.parametrize("constant", [0.0, 0.1, -7.0, 1e-300, 1e300])
def test_a_constant_column_keeps_its_scale_and_is_warned_of_by_name(constant: float) -> None:
    numbers = np.stack([np.full(7, constant), np.arange(7.0), np.full(7, constant)], 1)
    numbers[2, 2] = np.nan
    with pytest.warns(UserWarning, match="columns a, c are constant"):
        found = Scaling.of(numbers, names=["a", "b", "c"])
    np.testing.assert_allclose(found.offset, [constant, 3.0, constant], rtol=1e-15)
    np.testing.assert_array_equal(found.scale, [1.0, 2.0, 1.0])
    assert Scaling.of(numbers).scale.tolist() == [1.0, 2.0, 1.0]  # silently
    row = np.array([[constant, 3.0, constant]])
    np.testing.assert_allclose(found.apply(row), 0.0, atol=1e-6)
    if abs(constant) < 1e10:
        np.testing.assert_allclose(found.apply(row + 0.5), [[0.5, 0.25, 0.5]], rtol=1e-6)


def test_a_column_that_varies_is_not_warned_of() -> None:
    found = Scaling.of(NUMBERS, names=list("abcd"))
    np.testing.assert_allclose(found.scale, NUMBERS.std(0), rtol=1e-9)


def test_a_column_of_gaps_stays_one() -> None:
    numbers = np.stack([np.full(5, np.nan), np.arange(5.0)], 1)
    found = Scaling.of(numbers)
    assert np.isfinite(found.offset).all()
    assert found.scale.tolist() == [1.0, pytest.approx(np.sqrt(2))]
    assert np.isnan(found.apply(numbers)[:, 0]).all()


@pytest.mark.parametrize("weight", [None, np.array([1.0, 1.0, 2.0])])
def test_the_largest_numbers_stay_finite(weight: Any) -> None:
    """Deviations of (1, -1, 0) in units of 1e300, whose squares are beyond float64."""
    unit = np.array([1.0, -1.0, 0.0])
    counts = np.ones(3) if weight is None else weight
    deviation = np.sqrt(np.average(unit**2, weights=counts))
    numbers = np.stack([unit * 1e300, unit * 1e-300], 1)
    found = Scaling.of(numbers, weight=weight)
    np.testing.assert_allclose(found.offset, [0.0, 0.0], atol=1e-300)
    np.testing.assert_allclose(found.scale, [1e300 * deviation, 1e-300 * deviation], rtol=1e-9)
    scaled = found.apply(numbers)
    np.testing.assert_allclose(scaled, np.stack([unit, unit], 1) / deviation, rtol=1e-6)
    np.testing.assert_allclose(found.restore(scaled), numbers, rtol=1e-6)


def test_huge_entries_among_small_ones_are_cut_off() -> None:
    scaling = Scaling(np.array([0.0, 1e300]), np.array([1e-10, 1e-10]))
    got = scaling.apply(np.array([[1e300, 1e300], [-1e300, -1e300]]))
    np.testing.assert_array_equal(got, [[20.0, 0.0], [-20.0, -20.0]])


@pytest.mark.parametrize("limit", [20.0, 3.0])
def test_deviations_beyond_the_limit_are_cut_off_and_named(limit: float) -> None:
    scaling = Scaling(np.array([1.0, 0.0]), np.array([2.0, 1.0]), limit)
    numbers = np.array([[1 + 2.5 * limit, 0.5], [1 - 90 * limit, np.nan], [1 + 2 * limit, 1.0]])
    wanted = [[limit, 0.5], [-limit, np.nan], [limit, 1.0]]
    np.testing.assert_array_equal(scaling.apply(numbers), np.array(wanted, "f4"))
    with pytest.warns(UserWarning, match=r"more than \d+ deviations.*a \(2 rows\)"):
        scaling.apply(numbers, names=["a", "b"])
    assert np.isfinite(scaling.apply(numbers[2:], names=["a", "b"])).all()  # silently


def test_columns_that_are_not_to_be_scaled_stay_as_they_are() -> None:
    is_scaled = np.array([True, False, True, False])
    found = Scaling.of(GAPS, is_scaled)
    mean, deviation = np.nanmean(GAPS, 0), np.nanstd(GAPS, 0)
    np.testing.assert_allclose(found.offset, np.where(is_scaled, mean, 0.0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.scale, np.where(is_scaled, deviation, 1.0), rtol=1e-9)
    constant = np.array([[1.0, 0.0], [2.0, 0.0]])
    Scaling.of(constant, np.array([True, False]), names=["a", "b"])  # silently


def test_a_scaling_is_data_that_json_holds() -> None:
    scaling = Scaling.of(GAPS * 0.1)
    config = json.loads(json.dumps(scaling.get_config()))
    loaded = Scaling.from_config(config)
    np.testing.assert_array_equal(loaded.offset, scaling.offset)
    np.testing.assert_array_equal(loaded.scale, scaling.scale)
    assert loaded.limit == scaling.limit
    assert json.loads(json.dumps(Scaling(np.zeros(1), np.ones(1), 3.0).get_config()))["limit"] == 3
    np.testing.assert_array_equal(loaded.apply(GAPS), scaling.apply(GAPS))
