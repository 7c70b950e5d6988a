from __future__ import annotations

import keras
import pytest

from keras_ae.networks import stages


def test_sizes_are_halved_and_rounded_up() -> None:
    assert stages.sizes((7, 5), 3) == [(7, 5), (4, 3), (2, 2), (1, 1)]


def test_what_is_not_a_map_is_refused_with_the_fix() -> None:
    with pytest.raises(ValueError, match=r"Received: input_shape=\(784,\)\. Reshape the data"):
        stages.check_map((784,), "conv")


def test_cropping_leaves_a_map_of_the_right_size_alone() -> None:
    x = keras.Input((4, 6, 1))
    assert stages.cropped(x, (4, 6), "a") is x
    assert stages.cropped(x, (3, 6), "b").shape == (None, 3, 6, 1)


def test_an_unknown_normalization_is_refused() -> None:
    with pytest.raises(ValueError, match="`normalization` must be 'batch', 'layer' or None"):
        stages.normalized(keras.Input((4, 1)), "group", "x")
