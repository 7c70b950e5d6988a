from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae


def quantized() -> Any:
    return keras_ae.create(
        "vq_vae", input_shape=(6, 4, 1), latent_dim=2, num_codes=5, hidden=[4], encoder="conv"
    )


def test_indices_are_those_of_the_nearest_codes() -> None:
    model = quantized()
    x = np.random.default_rng(0).random((9, 6, 4, 1), dtype="float32")
    indices = model.encode_indices(x)
    assert (indices.shape, indices.dtype) == ((9, 3, 2), np.dtype("int32"))
    points = np.asarray(ops.convert_to_numpy(model.features_tensor(ops.convert_to_tensor(x))))
    codes = np.asarray(ops.convert_to_numpy(model.bottleneck.codebook))
    distances = ((points[..., None, :].astype("float64") - codes) ** 2).sum(-1)
    np.testing.assert_array_equal(indices, distances.argmin(-1))
    np.testing.assert_allclose(codes[indices], model.encode(x), rtol=1e-6)


def test_indices_decode_to_the_reconstruction() -> None:
    model = quantized()
    x = np.random.default_rng(0).random((9, 6, 4, 1), dtype="float32")
    decoded = model.decode_indices(model.encode_indices(x))
    np.testing.assert_allclose(decoded, model.reconstruct(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "indices",
    [
        np.full((2, 3, 2), 5),
        np.full((2, 3, 2), -1),
        np.full((2, 3, 2), 1.5),
    ],
)
def test_a_number_that_has_no_code_is_refused(indices: np.ndarray) -> None:
    with pytest.raises(ValueError, match="`indices` must be whole numbers from 0 to 4. Received"):
        quantized().decode_indices(indices)
    with pytest.raises(ValueError, match="indices"):
        quantized().decode_indices(indices[:, :2])


def test_a_continuous_code_has_no_indices() -> None:
    model = keras_ae.create("vae", input_shape=(4,), latent_dim=2)
    for call in (model.encode_indices, model.decode_indices):
        with pytest.raises(ValueError, match="whose code is continuous"):
            call(np.zeros((2, 4)))


def test_a_prior_says_which_noise_its_codes_are_made_of() -> None:
    model = keras_ae.create("vae", input_shape=(4,), latent_dim=2)
    assert model.prior_noise() == [("normal", (2,))]
    noise = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
    examples = ops.convert_to_numpy(model.sample_tensor(ops.convert_to_tensor(noise)))
    np.testing.assert_allclose(examples, model.decode(noise), rtol=1e-5, atol=1e-6)
