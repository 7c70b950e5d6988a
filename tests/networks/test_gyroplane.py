"""Planes in the Poincare ball, beside the formulas."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.networks.gyroplane import Gyroplanes

RNG = np.random.default_rng(0)


def add(a: np.ndarray, b: np.ndarray, c: float) -> np.ndarray:
    """The Moebius sum, Ganea et al. (2018), section 2.3."""
    ab, aa, bb = (np.sum(p * q, -1, keepdims=True) for p, q in ((a, b), (a, a), (b, b)))
    total: np.ndarray = (1 + 2 * c * ab + c * bb) * a + (1 - c * aa) * b
    return total / (1 + 2 * c * ab + c**2 * aa * bb)


def point(weight: np.ndarray, c: float) -> np.ndarray:
    """The exponential map at the origin."""
    length = np.linalg.norm(weight, axis=-1, keepdims=True)
    mapped: np.ndarray = np.tanh(np.sqrt(c) * length) * weight / (np.sqrt(c) * length)
    return mapped


def planes(z: np.ndarray, normals: np.ndarray, points: np.ndarray, c: float) -> np.ndarray:
    """Mathieu et al. (2019), section 3: sign, length and distance, one plane after another."""
    found = []
    for a, p in zip(normals.T, point(points, c), strict=True):
        moved = add(-p[None], z, c)
        own = a * (1 - c * p @ p)  # the normal at p: that of the origin by 2 over lambda_p
        factor = 2 / (1 - c * p @ p)
        inner = moved @ own
        square = (moved**2).sum(1)
        distance = np.arcsinh(
            2 * np.sqrt(c) * np.abs(inner) / ((1 - c * square) * np.linalg.norm(own))
        ) / np.sqrt(c)
        found.append(np.sign(inner) * factor * np.linalg.norm(own) * distance)
    return np.stack(found, 1)


@pytest.mark.parametrize("curvature", [0.3, 1.0, 2.5])
def test_values_are_signed_lengths_and_distances(curvature: float) -> None:
    layer = Gyroplanes(5, curvature)
    layer.build((None, 3))
    weights = [RNG.normal(size=(3, 5)), 0.4 * RNG.normal(size=(5, 3))]
    layer.set_weights(weights)
    z = point(RNG.normal(size=(7, 3)), curvature)
    wanted = planes(z, *weights, curvature)
    found = ops.convert_to_numpy(layer(z.astype("f4")))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_in_flat_space_it_is_a_dense_layer() -> None:
    layer = Gyroplanes(5, 1e-6)
    layer.build((None, 3))
    normals, points = RNG.normal(size=(3, 5)), RNG.normal(size=(5, 3))
    layer.set_weights([normals, points])
    z = RNG.normal(size=(7, 3))
    wanted = 4 * (z @ normals - np.sum(points * normals.T, 1))
    np.testing.assert_allclose(ops.convert_to_numpy(layer(z.astype("f4"))), wanted, rtol=1e-3)


def test_points_at_the_rim_and_planes_without_a_normal_stay_finite() -> None:
    layer = Gyroplanes(2, 1.0)
    layer.build((None, 2))
    layer.set_weights([np.array([[0.0, 1.0], [0.0, 1.0]]), np.zeros((2, 2))])
    values = ops.convert_to_numpy(layer(np.array([[1.0, 0.0], [0.0, 0.0]], "f4")))
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(values[:, 0], 0.0)


def test_what_follows_a_point_is_added_through_a_linear_map() -> None:
    whole, part = Gyroplanes(4, 1.0), Gyroplanes(4, 1.0, ball_dim=2)
    whole.build((None, 2))
    part.build((None, 5))
    beside = RNG.normal(size=(3, 4))
    part.set_weights([*whole.get_weights(), beside])
    z, more = 0.5 * RNG.random((6, 2)), RNG.normal(size=(6, 3))
    found = part(np.concatenate([z, more], 1).astype("f4"))
    wanted = ops.convert_to_numpy(whole(z.astype("f4"))) + more @ beside
    np.testing.assert_allclose(ops.convert_to_numpy(found), wanted, rtol=1e-5, atol=1e-5)


def first_layers(**options: Any) -> list[type]:
    model = keras_ae.create("poincare_vae", input_shape=(8, 8, 1), latent_dim=2, **options)
    return [type(layer) for layer in model.decoder.layers]


def test_a_poincare_vaes_dense_decoder_begins_with_planes() -> None:
    assert Gyroplanes in first_layers(hidden=[16])
    assert Gyroplanes in first_layers(hidden=[])
    assert Gyroplanes not in first_layers(encoder="conv", hidden=[4])
    assert Gyroplanes not in first_layers(hidden=[16], decoder="mlp")


def test_it_is_made_again_from_its_config() -> None:
    layer = Gyroplanes(3, 0.5, ball_dim=2, name="planes")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert (again.units, again.curvature, again.ball_dim, again.name) == (3, 0.5, 2, "planes")
