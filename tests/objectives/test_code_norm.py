"""The size of the codes beside NumPy's."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops

from keras_ae.objectives import CodeNorm
from keras_ae.typing import Batch
from tests.gradients import gradient


@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 2, 3)])
def test_it_is_half_the_squared_length_of_each_code(shape: tuple[int, ...]) -> None:
    """Ghosh et al. (2020), section 3: |z|^2 / 2, summed over all axes of a code."""
    z = np.random.default_rng(0).normal(size=shape).astype("float32")
    term, model = CodeNorm(), SimpleNamespace()

    def value(latent: object) -> object:
        return term.value(model, Batch(z, z), {"latent": latent}, False)

    got = ops.convert_to_numpy(value(ops.convert_to_tensor(z)))
    np.testing.assert_allclose(got, 0.5 * (z**2).reshape(len(z), -1).sum(1), rtol=1e-5)
    np.testing.assert_allclose(gradient(lambda x: ops.sum(value(x)), z), z, rtol=1e-5)


def test_it_is_a_nonnegative_multiple_by_name() -> None:
    assert CodeNorm(0.5).name == "code_norm"
    with pytest.raises(ValueError, match="`weight` must"):
        CodeNorm(-1.0)
