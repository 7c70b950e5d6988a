"""Networks that decode one step after another."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae import likelihoods
from keras_ae.bottlenecks import RecurrentGaussian
from keras_ae.networks.step_by_step import StepFeatures, networks

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 2)).astype("f4")


def made(**options: Any) -> Any:
    keras.utils.set_random_seed(0)
    sizes: dict[str, Any] = {"latent_dim": 2, "units": 5, "hidden": [6]}
    return keras_ae.create("vrnn", input_shape=(4, 2), **{**sizes, **options})


def test_features_end_with_the_condition_and_what_is_there() -> None:
    layer = StepFeatures([3], condition_size=1)
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], "bool")
    found = ops.convert_to_numpy(layer(X, mask=ops.convert_to_tensor(mask)))
    assert found.shape == layer.compute_output_shape(X.shape) == (3, 4, 5)
    np.testing.assert_array_equal(found[..., 3], X[..., 1])
    np.testing.assert_array_equal(found[..., 4], mask)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli", "poisson"])
def test_what_goes_on_by_itself_follows_its_own_expectations(likelihood: str) -> None:
    """With the same codes, data that are as expected are decoded as the model does alone."""
    model = made(likelihood=likelihood)
    u = RNG.normal(size=(3, 4, 2)).astype("f4")
    alone = model.decode(u)
    decoder = model.decoder.get_layer("step_decoder")
    code = model.bottleneck
    features = model.encoder(model.likelihood.encoder_input(ops.convert_to_tensor(alone)))
    given = code.told(features)
    state = code.first_state(features)
    for t in range(4):
        now = type(given)(*(part[:, t] for part in given))
        mean, log_var = code.prior(state, now.condition)
        z = mean + ops.exp(log_var / 2) * ops.convert_to_tensor(u[:, t])
        outputs = {"z": z, "memory": state[0], "features": features[:, t]}
        decoded = decoder._decoded(outputs["z"], outputs["memory"], now.condition)
        expected = ops.convert_to_numpy(model.likelihood.mean(decoded))
        np.testing.assert_allclose(alone[:, t], expected, rtol=1e-4, atol=1e-5)
        state = code.advance(state, now, z)


@pytest.mark.parametrize("likelihood", [{"name": "gaussian", "learned_variance": True}, "beta"])
def test_a_step_may_have_several_parameters(likelihood: Any) -> None:
    model = made(likelihood=likelihood)
    x = 1 / (1 + np.exp(-X))
    assert model.reconstruct(x).shape == x.shape
    assert np.isfinite(model.elbo(x)).all()


@pytest.mark.parametrize("shape", [(6,), (4, 2, 1)])
def test_other_shapes_than_sequences_are_refused(shape: Any) -> None:
    code, likelihood = RecurrentGaussian(2), likelihoods.get("gaussian")
    with pytest.raises(ValueError, match=r"must have the shape \(time steps, features\)"):
        networks(shape, [4], code, likelihood)
