from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae import conditions
from keras_ae.bottlenecks import LadderGaussian
from keras_ae.networks import below_levels

RNG = np.random.default_rng(0)


def built(condition: Any) -> tuple[Any, Any]:
    code = LadderGaussian([2, 3], hidden=4)
    code.build((None, 6))
    return code, below_levels.decoder("mlp", code, ((3,), (5,)), [8], condition)


@pytest.mark.parametrize("condition", [None, 2])
def test_codes_are_run_through_the_levels_and_decoded_with_their_condition(condition: Any) -> None:
    told = None if condition is None else conditions.get((condition,))
    code, decoder = built(told)
    u = RNG.normal(size=(4, 5)).astype("f4")
    c = RNG.normal(size=(4, 2)).astype("f4")
    given = u if told is None else np.concatenate([u, c], axis=1)
    state = ops.convert_to_numpy(code.generate(ops.convert_to_tensor(u)))
    inputs = state if told is None else np.concatenate([state, c], axis=1)
    wanted = ops.convert_to_numpy(decoder.network(ops.convert_to_tensor(inputs)))
    got = ops.convert_to_numpy(decoder(ops.convert_to_tensor(given)))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    at = decoder.at(
        ops.convert_to_tensor(state), None if told is None else ops.convert_to_tensor(c)
    )
    np.testing.assert_allclose(ops.convert_to_numpy(at), wanted, rtol=1e-5, atol=1e-6)
    assert decoder.compute_output_shape((None, 5)) == (None, 5)
