from __future__ import annotations

from typing import Any

import keras
import pytest

import keras_ae
from keras_ae.exporting import own_layers
from tests.exporting.own import Conditional, with_own_layer


def test_classes_of_the_users_own_are_named() -> None:
    assert own_layers.own_classes(with_own_layer()) == ["tests.exporting.own.Doubled"]
    assert own_layers.own_classes(Conditional((4,))) == ["tests.exporting.own.Conditional"]
    assert own_layers.own_classes(keras_ae.create("vae", input_shape=(4,), latent_dim=2)) == []


@keras.saving.register_keras_serializable("tests")
def cubed(x: Any) -> Any:
    return x * x * x


def test_functions_of_the_users_own_are_named() -> None:
    x = keras.Input((4,))
    encoder = keras.Model(x, keras.layers.Dense(3, activation=cubed)(x))
    model = keras_ae.create("autoencoder", input_shape=(4,), latent_dim=2, encoder=encoder)
    assert own_layers.own_classes(model) == ["tests>cubed"]


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="a module of torch")
def test_a_torch_module_is_refused_with_the_reason() -> None:
    import torch

    class Mine(keras.layers.TorchModuleWrapper):  # type: ignore[misc]
        pass

    module = Mine(torch.nn.Linear(4, 3), output_shape=(None, 3))
    x = keras.Input((4,))
    encoder = keras.Model(x, module(x))
    model = keras_ae.create("autoencoder", input_shape=(4,), latent_dim=2, encoder=encoder)
    with pytest.raises(ValueError, match="a torch module, which only torch can run"):
        own_layers.check(model)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="a function of JAX")
def test_a_jax_function_is_refused_with_the_reason() -> None:
    import jax.numpy as jnp

    x = keras.Input((4,))
    layer = keras.layers.JaxLayer(lambda params, inputs: jnp.tanh(inputs), params={})
    model = keras_ae.create(
        "autoencoder", input_shape=(4,), latent_dim=2, encoder=keras.Model(x, layer(x))
    )
    with pytest.raises(ValueError, match="a JAX function, which only JAX can run"):
        own_layers.check(model)
