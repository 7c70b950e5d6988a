from __future__ import annotations

import numpy as np
from keras import ops

from keras_ae.objectives import Commitment
from keras_ae.typing import Batch
from tests.gradients import gradient

RNG = np.random.default_rng(0)
FEATURES, CODES = (RNG.normal(size=(2, 3, 3, 4)).astype("float32") for _ in range(2))


def total(features: object, codes: object) -> object:
    outputs = {"pre_quantized": features, "quantized": codes}
    return ops.sum(Commitment().value(None, Batch(None, None), outputs, False))


def test_it_is_the_squared_distance_summed_over_an_example() -> None:
    outputs = {
        k: ops.convert_to_tensor(v)
        for k, v in zip(("pre_quantized", "quantized"), (FEATURES, CODES), strict=True)
    }
    got = ops.convert_to_numpy(Commitment().value(None, Batch(None, None), outputs, False))
    np.testing.assert_allclose(got, ((FEATURES - CODES) ** 2).sum((1, 2, 3)), rtol=1e-5)


def test_only_the_features_are_pulled() -> None:
    codes, features = ops.convert_to_tensor(CODES), ops.convert_to_tensor(FEATURES)
    np.testing.assert_allclose(
        gradient(lambda f: total(f, codes), FEATURES), 2 * (FEATURES - CODES), rtol=1e-5
    )
    pulls_codes = gradient(lambda c: total(features, c) + 0.0 * ops.sum(c), CODES)
    assert not pulls_codes.any()
