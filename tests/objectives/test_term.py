from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.objectives import KLDivergence


@pytest.mark.parametrize("weight", [-1.0, float("nan"), "large", None])
def test_an_impossible_weight_is_refused(weight: object) -> None:
    with pytest.raises(ValueError, match="`weight` must be a finite number"):
        KLDivergence(weight)  # type: ignore[arg-type]


def test_a_schedule_is_followed_over_steps() -> None:
    warm_up = keras.optimizers.schedules.PolynomialDecay(0.0, 10, 2.0)
    term = KLDivergence(warm_up)
    got = [
        float(ops.convert_to_numpy(term.weight_at(ops.convert_to_tensor(s)))) for s in (0, 5, 20)
    ]
    np.testing.assert_allclose(got, [0.0, 1.0, 2.0], atol=1e-6)
