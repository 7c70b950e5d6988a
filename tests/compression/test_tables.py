from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.bottlenecks import EntropyBottleneck, GaussianConditional
from keras_ae.compression import tables
from keras_ae.compression.tables import TAIL, TOTAL


def test_frequencies_are_whole_and_nearly_in_the_masses_ratio() -> None:
    masses = np.random.default_rng(0).dirichlet(np.full(300, 0.1))
    counts = tables.whole(masses)
    assert counts.sum() == TOTAL
    assert counts.min() >= 1
    np.testing.assert_allclose(counts / TOTAL, masses, atol=302 / TOTAL)


def test_tables_of_normals_hold_all_but_a_small_mass() -> None:
    layer = GaussianConditional(levels=5, least=0.11, most=60.0)
    made = tables.of_scales(layer)
    assert made.frequencies.sum(axis=1).tolist() == [TOTAL] * 5
    for row, first, size, scale in zip(*made, layer.scales, strict=True):
        numbers = first + np.arange(size)
        exact = stats.norm.cdf((numbers + 0.5) / scale) - stats.norm.cdf((numbers - 0.5) / scale)
        np.testing.assert_allclose(row[1 : 1 + size] / TOTAL, exact, atol=(size + 2) / TOTAL)
        assert 1 - exact.sum() <= TAIL
        assert first == -(first + size - 1)
        assert not row[1 + size :].any()


def test_tables_of_channels_are_kept_until_weights_change() -> None:
    code = EntropyBottleneck()
    code.build((None, 2))
    made = tables.of_channels(code)
    assert tables.of_channels(code).frequencies is made.frequencies
    code.matrices[0].assign(ops.convert_to_numpy(code.matrices[0]) + 1.0)
    assert not np.array_equal(tables.of_channels(code).sizes, made.sizes)


@pytest.mark.parametrize("masses", [np.array([1.0]), np.array([0.0, 1.0, 0.0])])
def test_a_number_that_is_certain_has_a_table_too(masses: np.ndarray) -> None:
    made = tables.of_masses([(4, masses)])
    assert made.frequencies.sum() == TOTAL
    assert made.frequencies.min() >= 1
