"""The size of a decoder's weights beside NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.bottlenecks import Deterministic
from keras_ae.objectives import DecoderNorm, Reconstruction
from tests.gradients import weight_gradients

RNG = np.random.default_rng(0)


def build(shape: tuple[int, ...], encoder: Any, **options: Any) -> Any:
    model = keras_ae.LatentModel(
        shape,
        bottleneck=Deterministic(2),
        objective=[Reconstruction(), DecoderNorm()],
        encoder=encoder,
        hidden=[4],
        **options,
    )
    for weight in model.trainable_variables:
        weight.assign(RNG.normal(size=weight.shape))
    return model


def value(model: Any) -> Any:
    x = ops.convert_to_tensor(RNG.random((3, *model.encoder.input_shape[1:])).astype("float32"))
    outputs = {"latent": ops.convert_to_tensor(np.ones((3, 2), "float32"))}
    return model.objective[1].value(model, model.batch(x), outputs, False)


@pytest.mark.parametrize(
    ("shape", "encoder"),
    [((5,), "mlp"), ((8, 8, 1), "conv"), ((8, 8, 1), {"name": "conv", "normalization": "batch"})],
)
def test_it_is_the_squared_length_of_all_the_decoder_learns(shape: Any, encoder: Any) -> None:
    """Ghosh et al. (2020), section 3.1: |theta|^2, of kernels and biases; not of statistics."""
    model = build(shape, encoder, likelihood={"name": "gaussian", "scale": 0.7})
    got = ops.convert_to_numpy(value(model))
    learned = [np.array(w) for w in model.decoder.trainable_weights]
    assert any(w.ndim == 1 for w in learned)
    assert got.shape == ()
    assert got == pytest.approx(sum((w**2).sum() for w in learned), rel=1e-5)


def test_its_gradient_is_twice_the_decoders_weights_and_none_of_the_others() -> None:
    model = build((5,), "mlp")
    variables = model.trainable_variables
    own = {id(v) for v in model.decoder.trainable_variables}
    found = weight_gradients(lambda: value(model), variables)
    for variable, slope in zip(variables, found, strict=True):
        wanted = 2 * np.array(variable) if id(variable) in own else np.zeros(variable.shape)
        np.testing.assert_allclose(slope, wanted, rtol=1e-5)
    assert 0 < len(own) < len(variables)


def test_a_property_of_the_weights_is_logged_once() -> None:
    model = build((5,), "mlp")
    size = float(sum((np.array(w) ** 2).sum() for w in model.decoder.trainable_weights))
    model.compile("sgd")
    logs = model.evaluate(RNG.random((7, 5)), batch_size=3, verbose=0, return_dict=True)
    assert logs["decoder_norm"] == pytest.approx(size, rel=1e-5)
