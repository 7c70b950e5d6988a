from __future__ import annotations

import numpy as np
from keras import ops

from keras_ae.distributions.event import sum_event


def test_all_axes_but_the_first_are_summed() -> None:
    values = np.arange(24.0, dtype="float32").reshape(2, 3, 4)
    assert ops.convert_to_numpy(sum_event(values)).tolist() == [66.0, 210.0]


def test_masked_entries_drop_out_even_when_they_are_not_finite() -> None:
    values = np.array([[[1.0, 2.0], [np.nan, np.inf]]], "float32")
    mask = np.array([[1.0, 0.0]], "float32")
    assert ops.convert_to_numpy(sum_event(values, mask)).tolist() == [3.0]
