from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from keras_ae.backend.compiled import division, on_jax
from keras_ae.backend.compiled.division import Division
from tests.backend.compiled import divisible

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="is about JAX")


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(division, "_cores", lambda: 2)
    monkeypatch.setattr(on_jax, "WORTH_DIVIDING", 0)
    monkeypatch.setattr(on_jax, "LOOPED", 0.0)


def divided(model: Any) -> Any:
    return model.__dict__["_block_steps"][1].divided[16]


def is_exact(model: Any) -> bool:
    from keras_ae.backend.compiled.divided_on_jax import Divided
    from keras_ae.backend.compiled.state_on_jax import groups

    model.optimizer.build(model.trainable_variables)
    state = tuple([variable.value for variable in group] for group in groups(model))
    x = np.random.default_rng(0).random((16, 8, 8, 1), "float32")
    return Divided(model, Division(2, 2, 4)).is_exact(state, (x,))


@pytest.mark.parametrize(("name", "rows"), divisible.CASES)
def test_parts_train_as_the_whole_does(
    name: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, shape = divisible.make(name), divisible.SHAPES[name]
    found = divisible.fit(model, rows, shape)
    small = ("rae_sn", "recurrent_autoencoder")
    assert divided(model).division.parts == (2 if name in small else 4)
    monkeypatch.setattr(on_jax.Division, "of", lambda *_: None)
    whole = divisible.make(name)
    wanted = divisible.fit(whole, rows, shape)
    assert divided(whole) is None
    divisible.assert_same_training(model, found, whole, wanted)


@pytest.mark.parametrize("case", list(divisible.INDIVISIBLE))
def test_what_needs_the_whole_batch_is_seen(case: str) -> None:
    assert not is_exact(divisible.INDIVISIBLE[case]())


def test_a_model_for_whole_batches_alone_is_left_whole() -> None:
    model = divisible.with_layer(divisible.Wholes())
    assert np.isfinite(divisible.fit(model, 32, (8, 8, 1))["loss"]).all()
    assert divided(model) is None


def test_what_is_by_row_is_seen_too() -> None:
    assert is_exact(divisible.make())
