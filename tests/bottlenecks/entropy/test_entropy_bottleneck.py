from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import EntropyBottleneck
from tests.contract.compressive import array, cumulative

CHANNELS = 3


def made(**options: Any) -> EntropyBottleneck:
    """A layer of random distributions."""
    rng = np.random.default_rng(1)
    layer = EntropyBottleneck(**options)
    layer.build((None, 4, CHANNELS))
    for weight in layer.variables:
        if weight.dtype == "float32":
            weight.assign(ops.convert_to_numpy(weight) + 0.5 * rng.normal(size=weight.shape))
    return layer


def test_medians_follow_the_distributions_in_training() -> None:
    layer = made()
    h = np.zeros((2, 4, CHANNELS), "float32")
    before = ops.convert_to_numpy(layer.medians)
    for _ in range(100):
        layer(h, training=True)
    assert not np.allclose(ops.convert_to_numpy(layer.medians), before)
    np.testing.assert_allclose(cumulative(layer, array(layer.medians)[None]), 0.5, atol=1e-3)
    after = ops.convert_to_numpy(layer.medians)
    layer(h)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.medians), after)


def test_masses_are_those_of_the_papers_network() -> None:
    """Balle et al. (2018), appendix 6.1."""
    layer = made()
    symbols = np.random.default_rng(0).integers(-30, 30, size=(5, 4, CHANNELS)).astype("float32")
    flat = symbols.reshape(-1, CHANNELS).astype("f8") + array(layer.medians)
    wanted = cumulative(layer, flat + 0.5) - cumulative(layer, flat - 0.5)
    got = np.exp(array(layer.log_mass(ops.convert_to_tensor(symbols)))).reshape(flat.shape)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-8)


def test_distributions_rise_from_zero_to_one() -> None:
    layer = made()
    x = np.linspace(-400, 400, 2001).astype("float32")[:, None].repeat(CHANNELS, 1)
    logits = array(layer.logits(ops.convert_to_tensor(x)))
    assert (np.diff(logits, axis=0) >= -1e-5).all()
    grid = np.arange(-3000, 3001).astype("float32")[:, None].repeat(CHANNELS, 1)
    total = np.exp(array(layer.log_mass(ops.convert_to_tensor(grid)))).sum(0)
    np.testing.assert_allclose(total, 1.0, atol=1e-4)


def test_codes_are_whole_numbers_from_the_medians_on() -> None:
    layer = made()
    h = np.random.default_rng(2).normal(scale=4, size=(6, 4, CHANNELS)).astype("float32")
    outputs = layer(ops.convert_to_tensor(h))
    medians = ops.convert_to_numpy(layer.medians)
    np.testing.assert_allclose(array(outputs["latent"]), np.round(h - medians) + medians, rtol=1e-6)
    nats = -array(layer.log_mass(ops.convert_to_tensor(np.round(h - medians)))).sum((1, 2))
    np.testing.assert_allclose(array(outputs["nats"]), nats, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3)])
def test_features_of_any_shape_may_be_projected(shape: tuple[int, ...]) -> None:
    h = np.ones((2, *shape), "float32")
    assert EntropyBottleneck(5)(h)["latent"].shape == (2, *shape[:-1], 5)
    assert EntropyBottleneck()(h)["latent"].shape == (2, *shape)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deviation", "bits"), [(0.25, 0.3125), (0.5, 1.2412), (1, 2.1048), (2, 3.0620), (4, 4.0508)]
)
def test_bits_of_rounded_normals_come_within_one_percent(deviation: float, bits: float) -> None:
    class Coded(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.code = EntropyBottleneck(scale=4.0 * deviation)

        def call(self, x: Any, training: bool = False) -> Any:
            return self.code(x, training=training, sample=training)["nats"][:, None]

    rng = np.random.default_rng(0)
    x = rng.normal(scale=deviation, size=(100_000, 1)).astype("float32")
    model = Coded()
    rate = keras.optimizers.schedules.CosineDecay(0.05, 1200)
    model.compile(keras.optimizers.Adam(rate), loss=lambda _, nats: nats)
    model.fit(x, np.zeros_like(x), epochs=12, batch_size=1000, verbose=0)
    test = rng.normal(scale=deviation, size=(400_000, 1)).astype("float32")
    got = model.predict(test, batch_size=20_000, verbose=0).mean() / np.log(2)
    assert got == pytest.approx(bits, rel=0.01)
