from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from keras_ae.reports import reconstruction_errors

RNG = np.random.default_rng(0)


def test_errors_are_those_of_scikit_image() -> None:
    x, y = RNG.random((2, 3, 4, 5, 1))
    got = reconstruction_errors(x, y, peak=2.0)
    assert got["mse"] == pytest.approx(mean_squared_error(x, y))
    assert got["psnr"] == pytest.approx(peak_signal_noise_ratio(x, y, data_range=2.0))


def test_missing_entries_do_not_count_and_no_error_is_infinite_psnr() -> None:
    x = np.array([[1.0, np.nan]])
    assert reconstruction_errors(x, np.array([[3.0, 7.0]]))["mse"] == 4.0
    assert reconstruction_errors(x, np.array([[1.0, 7.0]]))["psnr"] == math.inf


def test_the_peak_is_1_for_data_in_0_to_1_and_else_their_range() -> None:
    for x, peak in (([[0.2, 0.4]], 1.0), ([[-10.0, 30.0]], 40.0), ([[5.0, 5.0]], 1.0)):
        x = np.array(x)
        wanted = 10 * math.log10(peak**2 / 0.01)
        assert reconstruction_errors(x, x + 0.1)["psnr"] == pytest.approx(wanted)
