from __future__ import annotations

import numpy as np
import pytest

from keras_ae.metrics import sparsity, top_examples

RNG = np.random.default_rng(0)
CODES = RNG.gamma(1.0, size=(50, 9)) * (RNG.random((50, 9)) < np.linspace(0.0, 0.8, 9))


@pytest.mark.parametrize("parts", [1, 4])
def test_uses_are_counted_over_all_parts(parts: int) -> None:
    found = sparsity(np.array_split(CODES, parts) if parts > 1 else CODES, bins=5)
    used = CODES != 0
    assert found.l0 == pytest.approx(used.sum(1).mean())
    np.testing.assert_allclose(found.density, used.mean(0))
    assert found.dead_atoms == pytest.approx((~used.any(0)).mean())
    assert found.dead_atoms > 0
    assert found.histogram.sum() == used.any(0).sum()
    np.testing.assert_allclose(found.edges, np.linspace(-np.log10(50), 0, 6), atol=1e-6)
    inner = used.mean(0)[used.any(0)]
    wanted = np.histogram(np.log10(inner), 5, (-np.log10(50), 1e-9))[0]
    np.testing.assert_array_equal(found.histogram, wanted)


def test_atoms_that_all_rows_or_a_single_one_use_are_in_the_histogram() -> None:
    codes = np.zeros((10, 3))
    codes[:, 0], codes[4, 1] = 1.0, 1.0
    assert sparsity(codes, bins=4).histogram.tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("parts", [1, 7])
def test_the_rows_of_the_largest_numbers_are_found(parts: int) -> None:
    numbers, values = top_examples(np.array_split(CODES, parts) if parts > 1 else CODES, count=4)
    for atom in range(CODES.shape[1]):
        order = np.argsort(-CODES[:, atom])[:4]
        wanted = [row if CODES[row, atom] > 0 else -1 for row in order]
        assert numbers[atom].tolist() == wanted
        np.testing.assert_allclose(values[atom], np.maximum(CODES[order, atom], 0))


def test_fewer_rows_than_asked_for_leave_gaps() -> None:
    numbers, values = top_examples(np.array([[1.0, 0.0]]), count=3)
    assert numbers.tolist() == [[0, -1, -1], [-1, -1, -1]]
    assert values.tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


@pytest.mark.parametrize("function", [sparsity, top_examples])
def test_what_are_no_codes_is_refused(function: object) -> None:
    with pytest.raises(ValueError, match="at least one row"):
        function(np.zeros((0, 3)))  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"shape \(rows, atoms\)"):
        function(np.zeros(3))  # type: ignore[operator]
    with pytest.raises(ValueError, match="the same atoms in all parts"):
        function([np.ones((2, 3)), np.ones((2, 4))])  # type: ignore[operator]
