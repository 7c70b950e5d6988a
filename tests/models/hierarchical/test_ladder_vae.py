from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.distributions.noise import Noise

RNG = np.random.default_rng(0)


def made() -> Any:
    model = keras_ae.create(
        "ladder_vae", input_shape=(5,), latent_dim=3, upper_dims=[2], hidden=[8]
    )
    for variable in model.trainable_variables:
        variable.assign(0.5 * RNG.normal(size=variable.shape))
    return model


def test_each_level_has_its_temperature() -> None:
    model, noise = made(), Noise()
    noise.reset_evaluation(7)
    drawn = ops.convert_to_numpy(noise.normal((256, 5)))[:4]
    got = model.sample(4, seed=7, temperature=[0.5, 2.0])
    np.testing.assert_allclose(got, model.decode(drawn * [0.5, 0.5, 2, 2, 2]), rtol=1e-4, atol=1e-5)
    once = model.sample(4, seed=7, temperature=[0.3, 0.3])
    np.testing.assert_allclose(once, model.sample(4, seed=7, temperature=0.3), rtol=1e-5)


@pytest.mark.parametrize("temperature", [[0.5], [0.5, 0.5, 0.5], [0.5, -1.0], []])
def test_there_is_one_for_each_level(temperature: list[float]) -> None:
    with pytest.raises(ValueError, match="`temperature`"):
        made().sample(2, temperature=temperature)


def test_other_models_have_one_temperature() -> None:
    model = keras_ae.create("vae", input_shape=(5,), latent_dim=3, hidden=[8])
    with pytest.raises(ValueError, match="of a hierarchy.*`vae` with 0 levels"):
        model.sample(2, temperature=[0.5, 0.5])


def test_the_weight_of_the_divergence_rises_unless_it_is_said() -> None:
    rising, fixed, plain = (
        keras_ae.create("ladder_vae", input_shape=(5,), hidden=[8], **options)
        for options in ({"warmup_steps": 100}, {"beta": 0.3}, {"warmup_steps": 0})
    )
    weights = [
        float(model.objective[1].weight_at(ops.convert_to_tensor(50)))
        for model in (rising, fixed, plain)
    ]
    assert weights == pytest.approx([0.5, 0.3, 1.0])
