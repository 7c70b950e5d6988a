from __future__ import annotations

import keras
import pytest

import keras_ae
from keras_ae.backend.compiled import state_on_jax

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="is about JAX")


def test_a_scope_has_the_state_and_what_was_assigned_in_it() -> None:
    model = keras_ae.create("autoencoder", input_shape=(3,), latent_dim=2, hidden=[])
    model.compile(optimizer="sgd")
    model.optimizer.build(model.trainable_variables)
    groups = state_on_jax.groups(model)
    state = tuple([variable.value + 1 for variable in group] for group in groups)
    before = int(model.step.value)
    with state_on_jax.scope(model, state) as inner:
        model.step.assign_add(5)
    found = state_on_jax.values_in(inner, model)
    assert int(model.step.value) == before
    for group, was, now in zip(groups, state, found, strict=True):
        for variable, a, b in zip(group, was, now, strict=True):
            assert (b == (a + 5 if variable is model.step else a)).all()
