from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import Deterministic


def test_the_code_is_an_affine_map_and_its_activation() -> None:
    code = Deterministic(3, "sigmoid")
    h = np.random.default_rng(0).normal(size=(4, 2, 5)).astype("float32")
    got = ops.convert_to_numpy(code(h)["latent"])
    kernel, bias = (np.array(w) for w in code.projection.get_weights())
    wanted = 1 / (1 + np.exp(-(h.reshape(4, 10) @ kernel + bias)))
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


@pytest.mark.parametrize("size", [0, -1, 2.5, True, "4"])
def test_an_impossible_code_size_is_refused(size: object) -> None:
    with pytest.raises(ValueError, match="`latent_dim` must be a whole number of at least 1"):
        Deterministic(size)  # type: ignore[arg-type]


def test_every_position_may_have_a_code_of_its_own() -> None:
    bottleneck = Deterministic(2, each=True)
    h = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("f4")
    bottleneck.build((None, 4, 5))
    kernel, bias = bottleneck.projection.get_weights()
    got = ops.convert_to_numpy(bottleneck(ops.convert_to_tensor(h))["latent"])
    assert bottleneck.latent_shape == (4, 2)
    np.testing.assert_allclose(got, h @ kernel + bias, rtol=1e-4, atol=1e-5)
