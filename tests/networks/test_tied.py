from __future__ import annotations

import numpy as np
from keras import ops

from keras_ae.bottlenecks import Deterministic
from keras_ae.networks.tied import TiedLinear


def test_it_decodes_with_the_codes_own_weights_transposed() -> None:
    code = Deterministic(2)
    code.build((None, 6))
    decoder = TiedLinear(code, (3, 2))
    z = np.random.default_rng(0).normal(size=(4, 2)).astype("float32")
    got = ops.convert_to_numpy(decoder(z))
    kernel = code.projection.get_weights()[0]
    np.testing.assert_allclose(got, (z @ kernel.T).reshape(4, 3, 2), rtol=1e-5, atol=1e-6)
