from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.corruptions import SaltAndPepper


def test_half_of_the_rate_is_low_and_half_is_high() -> None:
    x = np.full((300, 100), 0.5, "float32")
    noisy = ops.convert_to_numpy(SaltAndPepper(0.2, low=-1.0, high=2.0)(x, training=True))
    assert set(np.unique(noisy).tolist()) == {-1.0, 0.5, 2.0}
    assert abs((noisy == -1.0).mean() - 0.1) < 0.01
    assert abs((noisy == 2.0).mean() - 0.1) < 0.01


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`rate` must be a share in \[0, 1\]"):
        SaltAndPepper(1.2)
    with pytest.raises(ValueError, match="`low` must be below `high`"):
        SaltAndPepper(0.1, low=1.0, high=0.0)
