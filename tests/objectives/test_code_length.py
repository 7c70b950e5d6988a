from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
from keras import ops

import keras_ae
from keras_ae.objectives import CodeLength, Reconstruction, code_length


def test_it_is_the_nats_that_the_bottleneck_reports() -> None:
    model = keras_ae.create(
        "hyperprior_autoencoder", input_shape=(6,), latent_dim=2, hidden=[4], hyper_hidden=[4]
    )
    x = np.random.default_rng(0).random((5, 6)).astype("float32")
    outputs = model(x)
    got = CodeLength().value(model, model.batch(x), outputs, False)
    np.testing.assert_array_equal(ops.convert_to_numpy(got), ops.convert_to_numpy(outputs["nats"]))


def test_a_code_of_no_known_length_is_refused() -> None:
    with pytest.raises(ValueError, match="does not report"):
        keras_ae.LatentModel(
            (6,),
            bottleneck=keras_ae.bottlenecks.Gaussian(2),
            objective=[Reconstruction(), CodeLength()],
        )


@pytest.mark.parametrize(("shape", "channels"), [((6, 6, 3), 3), ((6, 6, 1), 1), ((7,), 1)])
def test_a_trade_off_is_bits_a_pixel_for_an_error_of_one_level(shape: Any, channels: int) -> None:
    scale, error = code_length.scale_of(0.02, shape), 3.0  # mean squared, in levels
    nats = channels * (error / 255**2) / (2 * scale**2)
    assert nats / np.log(2) == pytest.approx(0.02 * error)


def test_steps_are_those_of_the_least_bits_and_errors() -> None:
    """-log D + D^2 / (24 sigma^2), by a minimiser."""
    sigma = 0.3
    found = scipy.optimize.minimize_scalar(
        lambda step: -np.log(step) + step**2 / (24 * sigma**2), bounds=(0.01, 10), method="bounded"
    )
    assert code_length.step_of(sigma) == pytest.approx(found.x, rel=1e-4)
