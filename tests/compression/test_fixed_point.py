from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae import networks
from keras_ae.compression.fixed_point import FRACTION, FixedPoint, on_grid

RNG = np.random.default_rng(0)
CONV = {"name": "conv", "kernel_size": 5}


def made(network: keras.Model, scale: float = 1.0) -> keras.Model:
    for weight in network.trainable_variables:
        size = max(1, int(np.prod(weight.shape[:-1]))) if len(weight.shape) > 1 else 1
        weight.assign(scale * RNG.normal(size=weight.shape) / size**0.5)
    return network


@pytest.mark.parametrize(
    ("kind", "code", "data"),
    [
        ("mlp", (3,), (7,)),
        (CONV, (4, 2), (13, 6)),
        (CONV, (3, 4, 2), (10, 15, 6)),
        (CONV, (2, 3, 2, 2), (7, 9, 5, 4)),
        ({"name": "conv", "kernel_size": 3}, (3, 4, 2), (9, 16, 6)),
        ({"name": "conv", "kernel_size": 2}, (5,), (9, 8, 3)),
    ],
)
def test_it_is_the_network_but_for_its_grid(kind: Any, code: Any, data: Any) -> None:
    network = made(networks.decoder(kind, code, data, [4, 5]))
    x = on_grid(RNG.normal(scale=4.0, size=(2, *code)))
    got = FixedPoint(network)(x)
    wanted = ops.convert_to_numpy(network(ops.convert_to_tensor(x.astype("float32"))))
    np.testing.assert_allclose(got, wanted, atol=0.02)
    np.testing.assert_array_equal(got * 2**FRACTION, np.rint(got * 2**FRACTION))


@pytest.mark.parametrize("shape", [(9, 3), (9, 10, 3)])
def test_strided_convolutions_are_followed_too(shape: Any) -> None:
    network = made(networks.encoder(CONV, shape, [4, 5]))
    x = on_grid(RNG.normal(size=(2, *shape)))
    wanted = ops.convert_to_numpy(network(ops.convert_to_tensor(x.astype("float32"))))
    np.testing.assert_allclose(FixedPoint(network)(x), wanted, atol=0.02)


def test_the_order_of_sums_does_not_matter() -> None:
    network = made(networks.decoder(CONV, (3, 3, 40), (12, 12, 6), [8, 9]), scale=3.0)
    x = on_grid(RNG.normal(scale=30.0, size=(2, 3, 3, 40)))
    got = FixedPoint(network)(x)
    layer = next(layer for layer in network.layers if hasattr(layer, "kernel"))
    order = RNG.permutation(40)
    layer.kernel.assign(ops.convert_to_numpy(layer.kernel)[..., order])
    np.testing.assert_array_equal(FixedPoint(network)(x[..., order]), got)


def test_large_weights_stay_exact_and_what_is_not_known_is_refused() -> None:
    network = made(networks.decoder("mlp", (50,), (4,), [60]), scale=300.0)
    x = on_grid(RNG.normal(scale=100.0, size=(2, 50)))
    got = FixedPoint(network)(x)
    np.testing.assert_array_equal(got * 2**FRACTION, np.rint(got * 2**FRACTION))
    for bad in (
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="tanh")]),
        keras.Sequential([keras.Input((3,)), keras.layers.LayerNormalization()]),
    ):
        with pytest.raises(ValueError, match="must"):
            FixedPoint(bad)
    wide = made(networks.decoder("mlp", (50,), (4,), [60]), scale=1e12)
    with pytest.raises(ValueError, match="in total"):
        FixedPoint(wide)
