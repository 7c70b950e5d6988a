from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.networks.gdn import GDN, OFFSET

RNG = np.random.default_rng(0)


def made(shape: tuple[int, ...], inverse: bool) -> tuple[GDN, np.ndarray, np.ndarray]:
    layer = GDN(inverse)
    layer.build((None, *shape))
    size = shape[-1]
    beta, gamma = RNG.uniform(0.5, 2.0, size), RNG.uniform(0.0, 0.5, (size, size))
    layer.beta.assign(np.sqrt(beta + OFFSET**2))
    layer.gamma.assign(np.sqrt(gamma + OFFSET**2))
    return layer, beta, gamma


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("shape", [(3,), (4, 3), (4, 5, 3), (2, 3, 2, 3)])
def test_channels_are_divided_by_what_all_have(shape: tuple[int, ...], inverse: bool) -> None:
    """Balle et al. (2016), equation 3."""
    layer, beta, gamma = made(shape, inverse)
    x = RNG.normal(size=(5, *shape)).astype("float32")
    root = np.sqrt(beta + (x.astype("f8") ** 2) @ gamma.T)
    wanted = x * root if inverse else x / root
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), wanted, rtol=1e-5)


def test_it_starts_near_the_identity_and_takes_half_precision() -> None:
    x = RNG.normal(size=(4, 6)).astype("float32")
    wanted = x / np.sqrt(1.0 + 0.1 * x.astype("f8") ** 2)
    np.testing.assert_allclose(ops.convert_to_numpy(GDN()(x)), wanted, rtol=1e-5)
    layer = GDN(dtype="mixed_float16")
    large = layer(ops.cast(300.0 * x, "float16"))
    assert np.isfinite(ops.convert_to_numpy(ops.cast(large, "float32"))).all()


def test_convolutions_take_it_by_name_and_others_do_not() -> None:
    network: Any = {"name": "conv", "activation": "gdn"}
    model = keras_ae.create("autoencoder", input_shape=(8, 8, 1), encoder=network, hidden=[4, 4])
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, GDN)]
    assert [layer.inverse for layer in layers] == [False, False, True, True]
    with pytest.raises(ValueError, match="Received: 'gdn'"):
        keras_ae.create("autoencoder", input_shape=(8,), encoder={**network, "name": "mlp"})
