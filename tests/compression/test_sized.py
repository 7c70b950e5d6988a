from __future__ import annotations

import warnings

import numpy as np
import pytest

import keras_ae
from keras_ae.compression.sized import aligned, of_size, warn_of_insides
from keras_ae.typing import Shape

OPTIONS = {"latent_dim": 2, "hidden": [4], "hyper_dim": 2, "hyper_hidden": [4]}


def test_a_convolutional_model_is_the_same_on_other_sizes() -> None:
    model = keras_ae.create("hyperprior_autoencoder", input_shape=(8, 8, 1), **OPTIONS)
    assert of_size(model, (8, 8, 1)) is model
    larger = of_size(model, (24, 16, 1))
    x = np.random.default_rng(0).random((1, 24, 16, 1)).astype("float32")
    whole = larger.views.run("unrounded_tensor", x)["code"]
    part = model.views.run("unrounded_tensor", x[:, 8:16, 8:16])["code"]
    # One 5 x 5 kernel: places in the middle see the same.
    np.testing.assert_allclose(whole[:, 5:7, 5:7], part[:, 1:3, 1:3], atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((64, 96, 3), (64, 96, 3)),
        ((65, 33, 3), (96, 64, 3)),
        ((1, 400, 3), (32, 416, 3)),
    ],
)
def test_a_size_grows_to_one_that_halves_as_the_models_own(shape: Shape, expected: Shape) -> None:
    assert aligned(shape, (64, 64, 3), (2, 2, 8)) == expected


def test_a_size_that_is_no_multiple_leaves_the_same_again() -> None:
    # 6 -> 3 -> 2, of which 9 -> 5 -> 3 would not be the like, and 10 -> 5 -> 3 is.
    assert aligned((9, 6), (6, 6), (2, 4)) == (10, 6)
    assert aligned((9, 9, 1), (8, 8, 1), (5,)) == (9, 9, 1)  # a code without places


def test_models_of_one_size_say_so() -> None:
    dense = keras_ae.create("hyperprior_autoencoder", input_shape=(6,), **OPTIONS)
    maps = keras_ae.create("hyperprior_autoencoder", input_shape=(8, 8, 1), **OPTIONS)
    for model, shape in ((dense, (7,)), (dense, (2, 6)), (maps, (8, 8, 3))):
        with pytest.raises(ValueError, match="of another size only"):
            of_size(model, shape)


def test_insides_that_training_had_none_of_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="Train on examples of 160 along"):
        warn_of_insides((64, 128, 3), (64, 64, 3), (2, 2, 8), 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_insides((64, 64, 3), (64, 64, 3), (2, 2, 8), 5)
        warn_of_insides((512, 768, 3), (160, 160, 3), (5, 5, 8), 5)
        warn_of_insides((9,), (8,), (2,), 5)
