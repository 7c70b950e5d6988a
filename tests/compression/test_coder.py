from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_ae.bottlenecks import GaussianConditional
from keras_ae.compression import coder, tables

SCALES = [0.25, 0.5, 1.0, 2.0, 4.0]
BITS = [0.3125, 1.2412, 2.1048, 3.0620, 4.0508]
"""Entropies of rounded normals of these deviations."""
NORMALS = GaussianConditional(levels=5, least=0.25, most=4.0)


@pytest.mark.parametrize("table", range(5))
def test_bytes_are_within_two_percent_of_the_entropy(table: int) -> None:
    rng = np.random.default_rng(table)
    symbols = np.rint(rng.normal(scale=SCALES[table], size=200_000)).astype("int32")
    which = np.full(len(symbols), table)
    made = tables.of_scales(NORMALS)
    data = coder.encode(symbols, which, made)
    assert 8 * len(data) / len(symbols) == pytest.approx(BITS[table], rel=0.02)
    np.testing.assert_array_equal(coder.decode(data, which, made), symbols)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-(2**20), 2**20), st.integers(0, 4)), max_size=40),
    st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 4)), max_size=40),
)
def test_any_numbers_come_back(far: list[tuple[int, int]], near: list[tuple[int, int]]) -> None:
    symbols, which = np.array([*far, *near], "int32").reshape(-1, 2).T
    made = tables.of_scales(NORMALS)
    data = coder.encode(symbols, which, made)
    np.testing.assert_array_equal(coder.decode(data, which, made), symbols)


def test_numbers_too_far_are_refused() -> None:
    made = tables.of_scales(NORMALS)
    for far in (2**22, -(2**22)):
        with pytest.raises(ValueError, match=f"Received: a code of {far}"):
            coder.encode(np.array([far], "int64"), np.array([0]), made)
