from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae import Tiled
from keras_ae.tiling.locality import Network

VQ: dict[str, Any] = {"latent_dim": 3, "encoder": "conv", "num_codes": 16}


@pytest.mark.parametrize(("before", "behind"), [(0, 0), (1, 3), (5, 2)])
def test_what_a_network_sees_is_found(before: int, behind: int) -> None:
    """A window of places, over two axes, from so many before a place to so many behind it."""
    kernel = np.zeros((1, before + behind + 1, 1, 1), "float32")  # even of a weight of 0
    padded = [(0, 0), (0, 0), (before, behind), (0, 0)]
    window = Network(lambda x: ops.conv(ops.pad(x, padded), kernel), (4, 20, 1), (1, 1), (1, 1))
    assert window.reach() == (0, max(before, behind))
    assert window.moves(0) == window.moves(1) == 0.0


def test_a_factor_of_the_place_is_found() -> None:
    places = ops.reshape(ops.arange(8, dtype="float32"), (8, 1))
    network = Network(lambda x: x * places, (8, 1), (1,), (1,))
    assert network.reach() == (0,)
    assert network.moves(0) > 0.05


def test_margins_are_those_of_the_convolutions() -> None:
    """Codes are of 3 x 3 strides of 2: from entry 4 c to 4 c + 6, two more than a place of 4."""
    model = keras_ae.create("vq_vae", input_shape=(32, 32, 1), **VQ, hidden=[4, 5])
    assert Tiled(model).strides == (4, 4)
    assert Tiled(model).margins == {"encoder": (1, 1), "decoder": (1, 1)}
    wider = keras_ae.create(
        "vq_vae",
        input_shape=(64, 64, 1),
        latent_dim=3,
        encoder={"name": "conv", "kernel_size": 11},
        hidden=[4, 5],
    )
    # Windows of 11 strides of 2 begin 4 before their place, twice: (4 + 2 * 4) / 4 places.
    assert Tiled(wider).margins["encoder"] == (4, 4)


@pytest.mark.parametrize(
    ("name", "shape", "options", "said"),
    [
        ("vae", (16, 16, 1), {"encoder": "conv", "hidden": [4]}, "codes that are maps"),
        ("vq_vae", (16,), {"hidden": [4]}, "codes that are maps"),
        ("vq_vae_2", (16, 16, 1), {"hidden": [4], "width": 4}, "HierarchicalQuantizer"),
        # 28 -> 14 -> 7 -> 4: of 7 entries for a place, where three strides are of 8.
        ("vq_vae", (28, 28, 1), {"encoder": "conv", "hidden": [4, 4, 4]}, "moved by 7"),
        ("vq_vae", (8, 8, 1), {"encoder": "conv", "hidden": [4, 4]}, "leave two places"),
        ("vq_vae", (25, 16, 1), {"encoder": "conv", "hidden": [4]}, "whole number of entries"),
        ("vq_vae", (16, 16, 1), {"encoder": "conv", "missing": "mask"}, "complete data"),
    ],
)
def test_other_models_are_refused(
    name: str, shape: tuple[int, ...], options: dict[str, Any], said: str
) -> None:
    model = keras_ae.create(name, input_shape=shape, latent_dim=3, **options)
    with pytest.raises(ValueError, match=said):
        Tiled(model)


def test_networks_that_are_not_the_same_everywhere_are_refused() -> None:
    inputs = keras.Input((16, 16, 1))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(inputs)
    places = np.arange(8, dtype="float32").reshape(1, 8, 1, 1)
    encoder = keras.Model(inputs, keras.layers.Rescaling(1.0, places)(x))
    decoder = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2DTranspose(1, 3, 2, padding="same")]
    )
    model = keras_ae.create(
        "vq_vae", input_shape=(16, 16, 1), latent_dim=3, encoder=encoder, decoder=decoder
    )
    with pytest.raises(ValueError, match="whose encoder gives other numbers"):
        Tiled(model)
