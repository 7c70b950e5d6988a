from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.backend.compiled.rowwise import sizes

X = np.arange(6.0).reshape(3, 2)


def test_the_last_row_fills_what_is_missing() -> None:
    filled = sizes.padded({"x": X, "mask": X > 2}, 5)
    np.testing.assert_array_equal(filled["x"][:3], X)
    np.testing.assert_array_equal(filled["x"][3:], [X[2], X[2]])
    assert filled["mask"].shape == (5, 2)
    assert sizes.padded(X, 3) is X


@pytest.mark.parametrize(
    ("rows", "size"), [(1, 1), (2, 2), (3, 4), (5, 8), (16, 16), (17, 20), (20, 20)]
)
def test_a_batch_is_filled_to_a_power_of_two_but_never_beyond_the_batch_size(
    rows: int, size: int
) -> None:
    assert sizes.compiled_size(rows, 20) == size


def test_batches_have_an_axis_of_their_own() -> None:
    assert sizes.in_batches({"x": np.zeros((6, 2, 5))}, 3)["x"].shape == (2, 3, 2, 5)


def test_a_small_model_gets_large_batches_and_a_large_one_small_ones() -> None:
    small = keras_ae.create("autoencoder", input_shape=(21,), latent_dim=32, hidden=[64])
    assert sizes.ample_rows(small, np.zeros((1, 21)), 2**25) == 4096
    assert sizes.ample_rows(small, np.zeros((1, 21)), 2**20) == 128
    assert sizes.ample_rows(small, np.zeros((1, 21)), 1) == sizes.LEAST_ROWS
    tiny = keras_ae.create("linear_autoencoder", input_shape=(3,), latent_dim=1)
    assert sizes.ample_rows(tiny, np.zeros((1, 3)), 2**25) == sizes.MOST_ROWS


def test_a_wide_layer_bounds_the_batch_by_its_bytes() -> None:
    encoder = keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.RepeatVector(2**13), keras.layers.Flatten()]
    )
    model = keras_ae.create("autoencoder", input_shape=(4,), latent_dim=1, encoder=encoder)
    assert sizes.ample_rows(model, np.zeros((1, 4)), 2**40) == 128


def test_a_prior_of_many_components_makes_batches_small() -> None:
    model = keras_ae.LatentModel(
        (8,),
        bottleneck=keras_ae.bottlenecks.Gaussian(4),
        objective=[keras_ae.objectives.KLDivergence()],
        prior={"name": "vamp", "components": 1_000},
        hidden=[8],
    )
    rows = sizes.ample_rows(model, np.zeros((1, 8)), 2**25)
    assert sizes.BATCH_BYTES // 2 < rows * 1_000 * 4 * 4 <= sizes.BATCH_BYTES
