"""Labels by a random projection beside NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import RandomProjectionQuantizer
from tests.bottlenecks.quantizers import oracles
from tests.bottlenecks.quantizers.cases import assert_same, called, features, state
from tests.gradients import gradient

H = features(6, 5, 20)


def quantizer(seed: int = 1) -> Any:
    keras.utils.set_random_seed(seed)
    made = RandomProjectionQuantizer(64, 8, 20)
    made.build((None, *H.shape[1:]))
    return made


def weights(made: Any) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.array(ops.convert_to_numpy(w), "f8") for w in (made.map, made.codebook))


def test_vectors_are_scaled_projected_and_compared_at_length_one() -> None:
    """Chiu et al. (2022), equation 1: argmin | norm(c) - norm(A x) |."""
    made = quantizer()
    turn, codes = weights(made)
    scaled = (H - H.mean(-1, keepdims=True)) / H.std(-1, keepdims=True)
    projected = oracles.unit(scaled @ turn)
    outputs = called(made, H)
    assert oracles.margin(projected, codes) > 1e-5
    np.testing.assert_array_equal(outputs["indices"], oracles.nearest(projected, codes))
    np.testing.assert_allclose(outputs["pre_quantized"], projected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(outputs["quantized"], codes[outputs["indices"]], rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, rtol=1e-5)
    assert not outputs["loss"].any()


def test_many_codes_are_used() -> None:
    assert len(np.unique(called(quantizer(), features(200, 5, 20))["indices"])) > 48


def test_labels_do_not_depend_on_the_scale_or_mean_of_a_vector() -> None:
    made = quantizer()
    labels = called(made, H)["indices"]
    np.testing.assert_array_equal(called(made, 3 * H + 7)["indices"], labels)


def test_the_same_seed_draws_the_same_and_another_seed_another() -> None:
    first, again, other = (quantizer(seed) for seed in (1, 1, 2))
    assert_same(state(first), state(again))
    assert not np.array_equal(state(first)[0], state(other)[0])


def test_nothing_is_trained_and_nothing_moves() -> None:
    made = quantizer()
    before = state(made)
    assert len(before) == 2
    assert made.trainable_variables == []
    called(made, H, training=True)
    made.adapt(features(100, 20))
    assert_same(state(made), before)


def test_no_gradient_passes() -> None:
    made = quantizer()

    def cost(x: Any) -> Any:
        outputs = made(x, training=False)
        return ops.sum(outputs["latent"]) + ops.sum(outputs["loss"]) + 0 * ops.sum(x)

    assert not gradient(cost, H).any()


def test_a_constant_vector_has_a_label_and_finite_outputs() -> None:
    outputs = called(quantizer(), np.ones((2, 5, 20), "f4"))
    assert all(np.isfinite(v).all() for v in outputs.values())
    assert ((outputs["indices"] >= 0) & (outputs["indices"] < 64)).all()


@pytest.mark.parametrize("name", ["num_codes", "code_dim", "input_dim"])
def test_impossible_arguments_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}` must"):
        RandomProjectionQuantizer(**{"num_codes": 8, "code_dim": 2, "input_dim": 3, name: 0})
