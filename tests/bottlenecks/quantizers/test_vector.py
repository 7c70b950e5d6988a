from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import VectorQuantizer
from tests.gradients import gradient

H = np.random.default_rng(0).normal(size=(3, 4, 4, 2)).astype("float32")


def test_the_forward_value_is_the_code_to_the_last_bit() -> None:
    quantizer = VectorQuantizer(8, 2)
    outputs = {key: ops.convert_to_numpy(value) for key, value in quantizer(H).items()}
    codes = ops.convert_to_numpy(quantizer.codebook)
    np.testing.assert_array_equal(outputs["latent"], codes[outputs["indices"]])
    np.testing.assert_array_equal(outputs["latent"], outputs["quantized"])
    np.testing.assert_array_equal(outputs["pre_quantized"], H)


def test_the_gradient_passes_straight_through() -> None:
    quantizer = VectorQuantizer(8, 2)
    quantizer(H)
    weights = np.random.default_rng(1).normal(size=H.shape).astype("float32")
    got = gradient(lambda h: ops.sum(ops.multiply(quantizer(h)["latent"], weights)), H)
    np.testing.assert_allclose(got, weights, rtol=1e-6)


def test_evaluation_leaves_the_codebook_alone_and_training_moves_it() -> None:
    quantizer = VectorQuantizer(8, 2)
    quantizer(H)
    before = ops.convert_to_numpy(quantizer.code_sums).copy()
    quantizer(H, training=False)
    np.testing.assert_array_equal(ops.convert_to_numpy(quantizer.code_sums), before)
    quantizer(H, training=True)
    assert not np.array_equal(ops.convert_to_numpy(quantizer.code_sums), before)


def test_a_flat_vector_becomes_tokens() -> None:
    outputs = VectorQuantizer(8, 3, tokens=5)(np.ones((2, 7), "float32"))
    assert outputs["latent"].shape == (2, 5, 3)
    assert outputs["indices"].shape == (2, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_codes": 1}, "`num_codes` must be at least 2"),
        ({"decay": 1.0}, r"`decay` must be in \[0, 1\)"),
        ({"dead_code_threshold": 2.0}, "`dead_code_threshold` must be a share"),
    ],
)
def test_impossible_arguments_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VectorQuantizer(**{"num_codes": 8, "code_dim": 2, **options})
