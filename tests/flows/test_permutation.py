from __future__ import annotations

import numpy as np
import pytest

from keras_ae.flows import Reverse
from tests.flows.cases import CONTEXT_DIM, built, normal, on_arrays


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("conditioned", [False, True])
@pytest.mark.parametrize("direction", ["transform", "invert"])
def test_the_numbers_come_in_reverse_and_no_volume_changes(
    dim: int, conditioned: bool, direction: str
) -> None:
    flow, z = Reverse(), normal(8, dim)
    built(flow, dim, CONTEXT_DIM if conditioned else None)
    context = normal(8, CONTEXT_DIM) if conditioned else None
    image, log_det = on_arrays(getattr(flow, direction), z, context)
    np.testing.assert_array_equal(image, z[:, ::-1])
    np.testing.assert_array_equal(log_det, np.zeros(8, "float32"))


def test_there_is_nothing_to_learn() -> None:
    assert built(Reverse(), 3).weights == []
