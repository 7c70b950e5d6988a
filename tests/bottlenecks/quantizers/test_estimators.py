"""The rotation's gradient beside rotation matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import ResidualQuantizer, VectorQuantizer
from keras_ae.bottlenecks.quantizers.estimators import rotation
from tests.bottlenecks.quantizers import oracles
from tests.bottlenecks.quantizers.cases import called, features
from tests.gradients import gradient

E, Q, W = (features(50, 6, seed=seed) for seed in range(3))


def forward(e: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(rotation(*map(ops.convert_to_tensor, (e, q)))))


def slope(e: np.ndarray, q: np.ndarray, w: np.ndarray) -> np.ndarray:
    codes = ops.convert_to_tensor(q)
    return gradient(lambda x: ops.sum(ops.multiply(rotation(x, codes), w)), e)


@pytest.mark.parametrize("scale", [1.0, 1e-5, 1e4, 0.0])
def test_the_forward_value_is_the_code_to_the_last_bit(scale: float) -> None:
    e = (scale * E).astype("f4")
    np.testing.assert_array_equal(forward(e, Q), Q)
    np.testing.assert_array_equal(forward(Q, e), e)


@pytest.mark.parametrize("ratio", [1.0, 0.5, 4.0])
def test_the_gradient_is_that_of_a_turned_and_stretched_vector(ratio: float) -> None:
    """Fifty et al. (2024), equation 4, with the matrix R written out."""
    q = (ratio * np.linalg.norm(E, axis=1, keepdims=True) * oracles.unit(Q)).astype("f4")
    np.testing.assert_allclose(slope(E, q, W), oracles.turned(E, q, W), rtol=1e-4, atol=1e-5)


def test_the_matrix_of_the_oracle_turns_each_vector_onto_its_code() -> None:
    lengths = np.linalg.norm(Q, axis=1) / np.linalg.norm(E, axis=1)
    onto = oracles.turned(E, Q, Q)  # R^T q |q| / |e| = e |q|^2 / |e|^2
    clear = (lengths > 0.1) & (lengths < 10)
    assert clear.all()
    np.testing.assert_allclose(onto, E * lengths[:, None] ** 2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("length", "ratio"), [(1e-3, 10.0), (1e3, 0.1), (1.7e-4, 10.0)])
def test_the_stretch_is_bounded(length: float, ratio: float) -> None:
    """A vector of length 1.7e-4 would have a gradient of 3e4."""
    e, q = (length * oracles.unit(E)).astype("f4"), oracles.unit(Q).astype("f4")
    got = slope(e, q, W)
    np.testing.assert_allclose(got, oracles.turned(e, q, W), rtol=1e-3, atol=1e-3 * ratio)
    lengths = np.linalg.norm(got, axis=1) / np.linalg.norm(W, axis=1)
    np.testing.assert_allclose(lengths, ratio, rtol=1e-3)


def test_without_a_length_the_gradient_passes_straight_through() -> None:
    nothing = np.zeros_like(E)
    for e, q in ((nothing, Q), (E, nothing), (nothing, nothing)):
        np.testing.assert_allclose(slope(e, q, W), W, rtol=1e-6)


def test_codes_that_lie_opposite_have_a_finite_gradient() -> None:
    got = slope(E, -E, W)
    assert np.isfinite(got).all()
    assert (np.linalg.norm(got, axis=1) < 1.001 * np.linalg.norm(W, axis=1)).all()


def test_codes_have_no_gradient() -> None:
    vectors = ops.convert_to_tensor(E)
    found = gradient(lambda q: ops.sum(ops.multiply(rotation(vectors, q), W)) + 0 * ops.sum(q), Q)
    assert not found.any()


def quantized_slope(quantizer: Any, h: np.ndarray, w: np.ndarray) -> np.ndarray:
    return gradient(lambda x: ops.sum(ops.multiply(quantizer(x)["latent"], w)), h)


def test_a_quantizer_passes_it_to_its_vectors() -> None:
    quantizer = VectorQuantizer(8, 6, estimator="rotation")
    quantizer.build((None, 50, 6))
    q = called(quantizer, E[None])["quantized"][0]
    expected = oracles.turned(E, q, W)
    np.testing.assert_allclose(
        quantized_slope(quantizer, E[None], W[None])[0], expected, rtol=1e-4, atol=1e-5
    )
    assert abs(expected - W).max() > 0.1


def test_levels_of_a_residual_pass_the_gradient_once_all_the_same() -> None:
    quantizer = ResidualQuantizer(VectorQuantizer(8, 6, estimator="rotation"), 3)
    quantizer.build((None, 50, 6))
    np.testing.assert_allclose(quantized_slope(quantizer, E[None], W[None])[0], W, rtol=1e-5)
