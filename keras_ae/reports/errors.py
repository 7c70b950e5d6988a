"""Reconstruction errors in data units."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def reconstruction_errors(x: Any, reconstruction: Any, peak: float = 1.0) -> dict[str, float]:
    """Return the mean squared error per number and the peak signal-to-noise ratio.

    Args:
        x: Data `(rows, ...)`; entries that are NaN don't count.
        reconstruction: Their reconstruction, the same shape.
        peak: Largest possible value of the data, 1 for images in [0, 1].

    Returns:
        `mse` in squared data units and `psnr` = 10 log10(peak^2 / mse) in dB.
    """
    difference = np.asarray(x, "float64") - np.asarray(reconstruction, "float64")
    mse = float(np.nanmean(np.square(difference)))
    return {"mse": mse, "psnr": 10 * math.log10(peak**2 / mse) if mse > 0 else math.inf}
