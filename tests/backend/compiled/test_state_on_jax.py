from __future__ import annotations

import keras
import numpy as np
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


def placed(array: np.ndarray, offset: int) -> np.ndarray:
    """Return a copy that begins so many bytes after a multiple of 64."""
    wide = np.empty(array.nbytes + 128, "uint8")
    start = -wide.ctypes.data % 64 + offset
    copy = wide[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def test_resident_data_are_copied_once_at_most() -> None:
    numbers = np.random.default_rng(0).normal(size=(50, 7)).astype("float32")
    for offset, shared in ((0, True), (16, False)):
        given = placed(numbers, offset)
        found = state_on_jax.resident(given)
        assert (found.unsafe_buffer_pointer() == given.ctypes.data) == shared
        np.testing.assert_array_equal(found, numbers)


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8"])
def test_large_resident_data_are_copied_in_parts(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_on_jax, "LARGE", 100)
    given = placed(np.random.default_rng(0).integers(0, 9, (51, 7)).astype(kind), 16)
    wanted = given.copy()
    found = state_on_jax.resident(given)
    given[...] = 0
    np.testing.assert_array_equal(found, wanted)
    few = placed(np.ones((1, 300), kind), 16)
    np.testing.assert_array_equal(state_on_jax.resident(few), few)


@pytest.mark.parametrize("given", [np.arange(12.0).reshape(3, 4).T, np.float32(3.0), np.ones(0)])
def test_resident_data_are_the_same_whatever_their_layout_and_type(given: np.ndarray) -> None:
    found = state_on_jax.resident(given)
    np.testing.assert_array_equal(found, given)
    assert found.dtype == "float32"
