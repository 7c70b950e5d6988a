"""Every variant keeps the same promises."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from tests.contract.cases import CASES, Case

BACKENDS = ("jax", "tensorflow", "torch")


def _chosen() -> list[Any]:
    """All rows on every backend, or with KERAS_AE_ROTATE set a third of them on each."""
    turn = BACKENDS.index(keras.backend.backend())
    rotates = bool(os.environ.get("KERAS_AE_ROTATE"))
    rows = [case for i, case in enumerate(CASES) if not rotates or i % len(BACKENDS) == turn]
    return [pytest.param(case, id=case.name) for case in rows]


pytestmark = pytest.mark.parametrize("case", _chosen())


def make(case: Case, **options: Any) -> Any:
    keras.utils.set_random_seed(3)
    return keras_ae.create(case.name, input_shape=case.event_shape, **{**case.options, **options})


def compiled(case: Case, **options: Any) -> Any:
    model = make(case, **options)
    model.compile(optimizer=keras.optimizers.Adam(0.01), metrics=["mse"])
    return model


def test_the_distortion_falls_and_every_term_is_logged(case: Case) -> None:
    model, x = compiled(case), case.data()
    history = model.fit(x, epochs=6, batch_size=8, validation_data=x[:8], verbose=0).history
    names = {"loss", "mse", *(term.name for term in model.objective)}
    assert names | {f"val_{name}" for name in names} == set(history)
    assert history[case.distortion][-1] < history[case.distortion][0]


def test_one_epoch_moves_every_trainable_weight(case: Case) -> None:
    model, x = compiled(case), case.data()
    before = [ops.convert_to_numpy(v).copy() for v in model.trainable_variables]
    model.fit(x, epochs=1, batch_size=8, verbose=0)
    still = [
        v.path
        for v, old in zip(model.trainable_variables, before, strict=True)
        if np.array_equal(ops.convert_to_numpy(v), old)
    ]
    assert before
    assert not still


def test_the_loss_is_the_papers_objective(case: Case) -> None:
    model, x = make(case), case.data()
    with model._measure():
        outputs = model(x)
    arrays = {key: ops.convert_to_numpy(value) for key, value in outputs.items()}
    for term in model.objective:
        if hasattr(term, "noise"):
            term.noise.reset_evaluation(0)
    loss = float(ops.convert_to_numpy(model.compute_loss(x, None, outputs, training=False)))
    wanted = case.objective(x, arrays, model)
    assert abs(loss - wanted) <= 1e-5 * max(1.0, abs(wanted))


def test_a_saved_model_is_the_same_model(case: Case, tmp_path: Path) -> None:
    model, x = compiled(case), case.data()
    model.fit(x, epochs=1, batch_size=8, verbose=0)
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    assert loaded.get_config() == model.get_config()
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), rtol=1e-6, atol=1e-6)
    assert loaded.evaluate(x, verbose=0) == pytest.approx(model.evaluate(x, verbose=0), rel=1e-6)


def test_prediction_is_deterministic_and_shaped_as_its_input(case: Case) -> None:
    model, x = make(case), case.data()
    first = model.predict(x)
    assert first.shape == x.shape
    np.testing.assert_array_equal(first, model.predict(x))
    np.testing.assert_array_equal(first, model.reconstruct(x))


def test_a_row_does_not_depend_on_its_batch(case: Case) -> None:
    model, x = make(case), case.data()
    for method in (model.encode, model.score, model.reconstruct):
        np.testing.assert_allclose(method(x)[:5], method(x[:5]), rtol=1e-5, atol=1e-5)


def test_decoding_the_code_is_reconstruction(case: Case) -> None:
    model, x = make(case), case.data()
    codes = model.encode(x)
    assert codes.shape == (len(x), *model.latent_shape)
    np.testing.assert_allclose(model.decode(codes), model.reconstruct(x), rtol=1e-5, atol=1e-5)


def test_an_evaluation_repeats_with_its_seed(case: Case) -> None:
    model, x = compiled(case), case.data()
    first, again = (model.evaluate(x, seed=5, verbose=0, return_dict=True) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_trains_finite(case: Case, policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        model, x = compiled(case), case.data()
        history = model.fit(x, epochs=2, batch_size=8, verbose=0).history
    finally:
        keras.config.set_dtype_policy("float32")
    assert all(np.isfinite(values).all() for values in history.values())
    assert np.isfinite(model.score(x)).all()
    assert model.score(x).dtype == np.float32
