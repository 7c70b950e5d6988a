"""Reconstruction errors in data units."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def reconstruction_errors(
    x: Any, reconstruction: Any, peak: float | None = None
) -> dict[str, float]:
    """Return the mean squared error per number and the peak signal-to-noise ratio.

    Args:
        x: Data `(rows, ...)`; entries that are NaN don't count.
        reconstruction: Their reconstruction, the same shape.
        peak: Range of the data; by default 1 for data in [0, 1], else the range that `x` has.

    Returns:
        `mse` in squared data units and `psnr` = 10 log10(peak^2 / mse) in dB.
    """
    difference = np.asarray(x, "float64") - np.asarray(reconstruction, "float64")
    mse = float(np.nanmean(np.square(difference)))
    peak = _range(x) if peak is None else peak
    return {"mse": mse, "psnr": 10 * math.log10(peak**2 / mse) if mse > 0 else math.inf}


def _range(x: Any) -> float:
    low, high = float(np.nanmin(x)), float(np.nanmax(x))
    return 1.0 if (low >= 0 and high <= 1) or low == high else high - low
