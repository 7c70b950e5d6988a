"""Codes by one linear map beside NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import SimVectorQuantizer
from tests.bottlenecks.quantizers import oracles
from tests.bottlenecks.quantizers.cases import called, features
from tests.gradients import gradient, weight_gradients

H = features(6, 5, 4)
RNG = np.random.default_rng(2)


def quantizer(codes: int = 16, **options: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return one with a map that is no identity, with C and W."""
    made = SimVectorQuantizer(codes, 4, **options)
    made.build((None, *H.shape[1:]))
    made.table.map.assign(np.eye(4) + 0.5 * RNG.normal(size=(4, 4)))
    fixed, turn = (
        np.array(ops.convert_to_numpy(w), "f8") for w in (made.table.fixed, made.table.map)
    )
    return made, fixed, turn


def test_the_codebook_is_the_fixed_codes_times_the_map() -> None:
    made, fixed, turn = quantizer()
    np.testing.assert_allclose(
        ops.convert_to_numpy(made.codebook), fixed @ turn, rtol=1e-4, atol=1e-5
    )
    outputs = called(made, H)
    indices = oracles.nearest(H, fixed @ turn)
    np.testing.assert_array_equal(outputs["indices"], indices)
    np.testing.assert_allclose(outputs["quantized"], (fixed @ turn)[indices], rtol=1e-4, atol=1e-5)


def test_codes_are_drawn_and_the_map_starts_as_the_identity() -> None:
    made = SimVectorQuantizer(4000, 4)
    made.build((None, *H.shape[1:]))
    np.testing.assert_array_equal(ops.convert_to_numpy(made.table.map), np.eye(4))
    codes = ops.convert_to_numpy(made.codebook)
    assert codes.std() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("beta", [0.25, 1.0])
def test_only_the_map_is_pulled_by_all_vectors_at_once(beta: float) -> None:
    """Zhu et al. (2024), equations 6 and 7: d|sg(z) - c W|^2 / dW = 2 c^T (c W - z)."""
    made, fixed, turn = quantizer(commitment=beta)
    assert [v.path for v in made.trainable_variables] == [made.table.map.path]
    chosen = fixed[oracles.nearest(H, fixed @ turn)].reshape(-1, 4)
    apart = H.reshape(-1, 4) - chosen @ turn
    loss = called(made, H)["loss"]
    expected = (1 + beta) * (apart**2).reshape(6, -1).sum(1)
    np.testing.assert_allclose(loss, expected, rtol=1e-4)
    (pull,) = weight_gradients(lambda: ops.sum(made(H)["loss"]), made.trainable_variables)
    np.testing.assert_allclose(pull, -2 * chosen.T @ apart, rtol=1e-3, atol=1e-4)
    slope = gradient(lambda x: ops.sum(made(x)["loss"]), H)
    np.testing.assert_allclose(slope.reshape(-1, 4), 2 * beta * apart, rtol=1e-3, atol=1e-5)


def test_training_moves_no_code_but_by_the_map() -> None:
    made, fixed, turn = quantizer()
    made.table.counts.assign(np.zeros(16))  # all but the used are dead
    called(made, 5 + H, training=True)
    np.testing.assert_array_equal(ops.convert_to_numpy(made.table.fixed), fixed.astype("f4"))
    np.testing.assert_array_equal(ops.convert_to_numpy(made.table.map), turn.astype("f4"))


def test_an_unused_code_moves_with_the_others() -> None:
    inputs = keras.Input(H.shape[1:])
    made, _, _ = quantizer(64)
    outputs = made(keras.layers.Dense(4, kernel_initializer="identity")(inputs))
    model = keras.Model(inputs, outputs["loss"])
    model.compile(keras.optimizers.Adam(0.02), lambda _, loss: loss)
    before = np.array(ops.convert_to_numpy(made.codebook))
    model.fit(3 * H, np.zeros(6), epochs=20, verbose=0)
    moved = np.linalg.norm(ops.convert_to_numpy(made.codebook) - before, axis=1)
    assert len(np.unique(called(made, 3 * H)["indices"])) < 64
    assert moved.min() > 1e-3


def test_a_start_gives_the_codes_the_covariance_of_the_data() -> None:
    made, _, _ = quantizer(2000)
    points = (RNG.normal(size=(3000, 4)) @ RNG.normal(size=(4, 4))).astype("f4")
    points -= points.mean(0)
    made.adapt(points)
    codes = ops.convert_to_numpy(made.codebook)
    scale = abs(np.cov(points.T)).max()
    np.testing.assert_allclose(np.cov(codes.T), np.cov(points.T), atol=0.12 * scale)
