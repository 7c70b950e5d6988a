"""Numbers of several digits beside Python's whole numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks.quantizers import radix
from tests.bottlenecks.quantizers import oracles

BASES = [[8, 5, 5, 5], [2] * 10, [3], [8, 8, 8, 5, 5, 5]]
LARGE = [[8] * 9, [2] * 30, [46340, 46340], [2**31 - 1], [1000, 1000, 2000]]
RNG = np.random.default_rng(0)


def number(digits: np.ndarray, bases: list[int]) -> np.ndarray:
    found = ops.convert_to_numpy(radix.number(ops.convert_to_tensor(digits.astype("i4")), bases))
    assert found.dtype == "int32"
    return np.asarray(found)


def digits(numbers: np.ndarray, bases: list[int]) -> np.ndarray:
    found = ops.convert_to_numpy(radix.digits(ops.convert_to_tensor(numbers.astype("i4")), bases))
    assert found.dtype == "int32"
    return np.asarray(found)


@pytest.mark.parametrize("bases", BASES, ids=str)
def test_every_number_has_its_digits_and_back(bases: list[int]) -> None:
    every = np.arange(math.prod(bases))
    split = digits(every, bases)
    expected = np.stack(np.unravel_index(every, bases, order="F"), axis=-1)
    np.testing.assert_array_equal(split, expected)
    np.testing.assert_array_equal(number(split, bases), every)


@pytest.mark.parametrize("bases", LARGE, ids=str)
def test_large_numbers_are_exact(bases: list[int]) -> None:
    """In float32 two thirds of the numbers of 8^9 codes are wrong."""
    split = np.stack([RNG.integers(base, size=1000) for base in bases], axis=-1)
    split[0], split[1] = 0, np.array(bases) - 1
    expected = oracles.number(split, bases)
    assert expected[1] == math.prod(bases) - 1
    np.testing.assert_array_equal(number(split, bases), expected)
    np.testing.assert_array_equal(digits(expected, bases), split)


def test_numbers_keep_their_other_axes() -> None:
    split = RNG.integers(3, size=(2, 4, 5, 3))
    assert number(split, [3, 3, 3]).shape == (2, 4, 5)
    np.testing.assert_array_equal(digits(number(split, [3, 3, 3]), [3, 3, 3]), split)


@pytest.mark.parametrize("bases", [*BASES, *LARGE], ids=str)
def test_so_many_numbers_are_counted(bases: list[int]) -> None:
    assert radix.checked_count(bases) == math.prod(bases)


@pytest.mark.parametrize(
    "bases", [[2**31], [2] * 31, [46341, 46341], [8] * 11, [10**6] * 4], ids=str
)
def test_more_numbers_than_an_int32_has_are_refused(bases: list[int]) -> None:
    with pytest.raises(ValueError, match="int32|2,147,483,647|2147483647"):
        radix.checked_count(bases)


def test_a_single_base_has_one_digit() -> None:
    given: Any = np.array([0, 4, 6])
    assert digits(given, [7]).tolist() == [[0], [4], [6]]
