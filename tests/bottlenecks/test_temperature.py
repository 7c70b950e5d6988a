from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import Binary, Categorical
from keras_ae.bottlenecks.temperature import Temperature

H = np.random.default_rng(0).normal(size=(400, 5)).astype("float32")


def test_a_schedule_counts_training_steps_only() -> None:
    temperature = Temperature(keras.optimizers.schedules.ExponentialDecay(2.0, 1, 0.5))
    got = [float(ops.convert_to_numpy(temperature(training=t))) for t in (True, False, True, False)]
    np.testing.assert_allclose(got, [2.0, 1.0, 1.0, 0.5])


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_temperature_must_be_positive(value: float) -> None:
    with pytest.raises(ValueError, match="`temperature` must be"):
        Temperature(value)


@pytest.mark.parametrize("make", [Categorical, Binary])
def test_draws_of_training_are_relaxed_the_more_the_warmer(make: type) -> None:
    def distance(temperature: float) -> float:
        options = {"categories": 3} if make is Categorical else {}
        code = make(2, temperature=temperature, **options)
        z = ops.convert_to_numpy(code(H, training=True, sample=True)["latent"])
        assert ((z >= 0) & (z <= 1)).all()
        return float(np.minimum(z, 1 - z).mean())

    assert distance(0.05) < 0.03 < distance(1.0) < distance(10.0)


@pytest.mark.parametrize("make", [Categorical, Binary])
def test_straight_through_and_evaluation_draw_zeros_and_ones(make: type) -> None:
    options = {"categories": 3} if make is Categorical else {}
    code = make(2, straight_through=True, **options)
    for training in (True, False):
        z = ops.convert_to_numpy(code(H, training=training, sample=True)["latent"])
        np.testing.assert_allclose(np.minimum(z, 1 - z), 0.0, atol=1e-6)
