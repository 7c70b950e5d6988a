"""The structural similarity of pictures at several scales, in float64, as the paper has it."""

from __future__ import annotations

import numpy as np
from scipy.signal import correlate2d

EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def ms_ssim(
    x: np.ndarray, y: np.ndarray, window_size: int, scales: int, data_range: float = 1.0
) -> np.ndarray:
    """Return MS-SSIM of pictures `(rows, height, width, channels)`, `(rows,)`.

    Wang, Simoncelli and Bovik (2003), equation 7. Where a scale's similarity is less than 1e-4,
    which has no power if it is negative, the difference is taken off, times the exponent.
    """
    channels = range(x.shape[-1])
    found = [
        [of_channel(x[i, ..., c], y[i, ..., c], window_size, scales, data_range) for c in channels]
        for i in range(len(x))
    ]
    return np.mean(found, axis=1)


def of_channel(
    x: np.ndarray, y: np.ndarray, window_size: int, scales: int, data_range: float
) -> float:
    """Return MS-SSIM of two pictures `(height, width)`."""
    x, y = x.astype("float64"), y.astype("float64")
    exponents = np.array(EXPONENTS[:scales])
    if scales < len(EXPONENTS):
        exponents /= exponents.sum()
    similarity, below = 1.0, 0.0
    for scale, exponent in enumerate(exponents, start=1):
        luminance, structure = at_one_scale(x, y, window_size, data_range)
        found = np.mean(luminance * structure if scale == scales else structure)
        similarity *= max(found, 1e-4) ** exponent
        below += exponent * max(1e-4 - found, 0)
        x, y = halved(x), halved(y)
    return similarity - below


def at_one_scale(
    x: np.ndarray, y: np.ndarray, window_size: int, data_range: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return luminance, and contrast times structure, of every window."""
    offsets = np.arange(window_size) - (window_size - 1) / 2
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(a: np.ndarray) -> np.ndarray:
        return correlate2d(a, window, mode="valid")

    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mu_x, mu_y = mean(x), mean(y)
    var_x, var_y = mean(x * x) - mu_x**2, mean(y * y) - mu_y**2
    covariance = mean(x * y) - mu_x * mu_y
    luminance = (2 * mu_x * mu_y + c1) / (mu_x**2 + mu_y**2 + c1)
    return luminance, (2 * covariance + c2) / (var_x + var_y + c2)


def halved(x: np.ndarray) -> np.ndarray:
    """Return the means of 2 x 2 pixels."""
    height, width = x.shape[0] // 2, x.shape[1] // 2
    return x[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))
