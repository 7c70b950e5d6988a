"""The discrepancy of sets beside loops over pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_ae.metrics import maximum_mean_discrepancy

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(9, 3)), RNG.normal(1.0, size=(7, 3))


def by_loops(a: np.ndarray, b: np.ndarray, kernel: str, scales: Any) -> float:
    """Gretton et al. (2012), lemma 6, equation 3."""

    def k(x: np.ndarray, y: np.ndarray) -> float:
        squared, total = float(((x - y) ** 2).sum()), 0.0
        for s in scales:
            c = 2 * len(x) * s**2
            total += c / (c + squared) if kernel == "imq" else np.exp(-squared / c)
        return total

    n, m = len(a), len(b)
    alike = sum(k(a[i], a[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    alike += sum(k(b[i], b[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return alike - 2 * sum(k(x, y) for x in a for y in b) / (n * m)


@pytest.mark.parametrize("kernel", ["imq", "rbf"])
@pytest.mark.parametrize("scales", [(1.0,), (0.3, 2.0)])
@pytest.mark.parametrize("entries", [2**22, 50])
def test_it_is_the_means_over_pairs_however_it_is_divided(
    kernel: str, scales: Any, entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(maximum_mean_discrepancy.__globals__, "ENTRIES", entries)
    wanted = by_loops(A, B, kernel, scales)
    assert abs(wanted) > 1e-2
    assert maximum_mean_discrepancy(A, B, kernel, scales) == pytest.approx(wanted, rel=1e-10)
    assert maximum_mean_discrepancy(B, A, kernel, scales) == pytest.approx(wanted, rel=1e-10)


def test_one_law_gives_nothing_on_average() -> None:
    values = [maximum_mean_discrepancy(*RNG.normal(size=(2, 12, 2))) for _ in range(300)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(300)
    assert np.mean(np.array(values) < 0) > 0.2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((A[:1], B), "two rows or more"),
        ((A, B[:, :2]), "one length"),
        ((A, B, "cubic"), "`kernel` must"),
    ],
)
def test_impossible_arguments_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        maximum_mean_discrepancy(*arguments)


@pytest.mark.parametrize("scales", [(), (0.0,), (-1.0,)])
def test_impossible_scales_are_refused(scales: Any) -> None:
    with pytest.raises(ValueError, match="`scales` must"):
        maximum_mean_discrepancy(A, B, scales=scales)
