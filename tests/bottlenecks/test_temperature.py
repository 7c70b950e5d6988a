from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import Binary, Categorical
from keras_ae.bottlenecks.temperature import Cooling, Temperature

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


@pytest.mark.parametrize(("start", "end"), [(10.0, 0.01), (2.0, 2.0), (0.5, 4.0)])
def test_cooling_is_by_a_factor_to_its_end_where_it_stays(start: float, end: float) -> None:
    """Abid et al. (2019), section 3: T_0 (T_B / T_0)^(b / B)."""
    cooling = Cooling(8, start=start, end=end)
    for step in (0, 1, 4, 7, 8, 9, 1000):
        wanted = start * (end / start) ** (min(step, 8) / 8)
        for given in (step, ops.convert_to_tensor(step, "int32")):
            assert float(ops.convert_to_numpy(cooling(given))) == pytest.approx(wanted, rel=1e-5)


def test_a_temperature_cools_with_the_steps_of_training() -> None:
    temperature = Temperature(Cooling(2, start=4.0, end=1.0))
    steps = (True, False, True, True, True)
    got = [float(ops.convert_to_numpy(temperature(training=t))) for t in steps]
    np.testing.assert_allclose(got, [4.0, 2.0, 2.0, 1.0, 1.0], rtol=1e-5)


def test_cooling_is_remade_from_its_config() -> None:
    config = keras.saving.serialize_keras_object(Cooling(7, start=3.0, end=0.2))
    again = keras.saving.deserialize_keras_object(config)
    assert isinstance(again, Cooling)
    assert again.get_config() == {"steps": 7, "start": 3.0, "end": 0.2}


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("steps", 0),
        ("steps", 2.5),
        ("start", 0.0),
        ("start", -1.0),
        ("end", 0.0),
        ("end", float("nan")),
    ],
)
def test_an_impossible_cooling_is_refused(option: str, wrong: Any) -> None:
    given: dict[str, Any] = {"steps": 5, option: wrong}
    with pytest.raises(ValueError, match=f"`{option}` must"):
        Cooling(**given)
