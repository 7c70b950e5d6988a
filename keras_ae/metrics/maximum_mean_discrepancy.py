"""The discrepancy of two sets of vectors that a kernel sees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_ae.parts import checked_positive

ENTRIES = 2**22
"""Numbers of an intermediate array at most."""


def maximum_mean_discrepancy(
    a: np.ndarray, b: np.ndarray, kernel: str = "imq", scales: Sequence[float] = (1.0,)
) -> float:
    """Return the unbiased squared maximum mean discrepancy; about 0, or below, for equal laws.

    The kernel is a sum over scales s of C / (C + |x - y|^2) ("imq") or exp(-|x - y|^2 / C) ("rbf"),
    C = 2 d s^2, as in `objectives.MaximumMeanDiscrepancy`; sets of any size in bounded memory.

    Args:
        a: `(n, d)`, at least two rows.
        b: `(m, d)`, likewise.
        kernel: "imq" or "rbf".
        scales: s, positive.

    Raises:
        ValueError: The sets are no vectors of one length or single rows, or the kernel is unknown.

    Reference:
        Gretton et al. (2012), https://jmlr.org/papers/v13/gretton12a.html, lemma 6, equation 3.

    Example:
        >>> a = np.array([[0.0], [2.0]])
        >>> round(maximum_mean_discrepancy(a, a + 100.0), 3)
        0.666
    """
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            "`a` and `b` must be two rows or more of vectors of one length. "
            f"Received: shapes {a.shape} and {b.shape}"
        )
    if kernel not in ("imq", "rbf"):
        raise ValueError(f"`kernel` must be 'imq' or 'rbf'. Received: kernel={kernel!r}")
    if not len(scales):
        raise ValueError(f"`scales` must hold a number or more. Received: scales={scales!r}")
    widths = [2.0 * a.shape[1] * checked_positive("scales", s) ** 2 for s in scales]
    n, m = len(a), len(b)
    own = [
        (_sum(rows, rows, kernel, widths) - len(rows) * len(widths)) / (len(rows) * (len(rows) - 1))
        for rows in (a, b)
    ]
    return sum(own) - 2.0 * _sum(a, b, kernel, widths) / (n * m)


def _sum(a: np.ndarray, b: np.ndarray, kernel: str, widths: Sequence[float]) -> float:
    """Return the sum of the kernel over all pairs."""
    total, together = 0.0, max(1, ENTRIES // b.size)
    for start in range(0, len(a), together):
        squares = ((a[start : start + together, None] - b) ** 2).sum(2)
        for c in widths:
            values = c / (c + squares) if kernel == "imq" else np.exp(-squares / c)
            total += float(values.sum())
    return total
