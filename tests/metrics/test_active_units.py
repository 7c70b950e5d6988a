from __future__ import annotations

import numpy as np

from keras_ae.metrics import active_units


def test_units_that_vary_are_active() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(500, 3)) * [1.0, 0.2, 0.05]
    assert active_units(codes) == 2
    assert active_units(codes, threshold=1e-4) == 3
    assert active_units(np.ones((10, 4))) == 0
