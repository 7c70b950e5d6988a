"""Every variant keeps the same promises."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.distributions.noise import Noise
from tests.contract.cases import Case, examples, first, told, with_known_labels
from tests.contract.every import EVERY

BACKENDS = ("jax", "tensorflow", "torch")


def _chosen() -> list[Any]:
    """All rows on every backend, or with KERAS_AE_ROTATE set a third of them on each.

    One worker has all tests of a row, which share a trained model.
    """
    turn = BACKENDS.index(keras.backend.backend())
    rotates = bool(os.environ.get("KERAS_AE_ROTATE"))
    rows = [case for i, case in enumerate(EVERY) if not rotates or i % len(BACKENDS) == turn]
    return [
        pytest.param(case, id=case.name, marks=pytest.mark.xdist_group(case.name)) for case in rows
    ]


@pytest.fixture(scope="module", params=_chosen())
def case(request: pytest.FixtureRequest) -> Case:
    """A row of the contract."""
    row: Case = request.param
    return row


@dataclass(frozen=True)
class Trained:
    """A model after some epochs, what it was before, and how often Python ran its loss so far."""

    model: Any
    before: list[np.ndarray]
    history: dict[str, list[float]]
    traces: list[int]


@pytest.fixture(scope="module")
def trained(case: Case) -> Trained:
    """Six epochs with validation data and a metric of the user's own."""
    model, x = compiled(case), case.rows()
    before = [ops.convert_to_numpy(v).copy() for v in model.trainable_variables]
    options = {"epochs": 6, "batch_size": 8, "validation_data": first(x, 8), "verbose": 0}
    traces: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        calls = calls_of_the_loss(patch)
        count = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: traces.append(len(calls)))
        history = model.fit(x, callbacks=[count], **options).history
    return Trained(model, before, history, traces)


def calls_of_the_loss(patch: pytest.MonkeyPatch) -> list[None]:
    """Note every call of `compute_loss` by Python: of a compiled step there is one, its trace."""
    calls: list[None] = []
    original = keras_ae.LatentModel.compute_loss

    def counted(self: Any, *args: Any, **options: Any) -> Any:
        calls.append(None)
        return original(self, *args, **options)

    patch.setattr(keras_ae.LatentModel, "compute_loss", counted)
    return calls


def make(case: Case, **options: Any) -> Any:
    keras.utils.set_random_seed(3)
    return keras_ae.create(case.name, input_shape=case.event_shape, **{**case.options, **options})


def compiled(case: Case, **options: Any) -> Any:
    model = make(case, **options)
    model.compile(optimizer=keras.optimizers.Adam(0.01), metrics=["mse"])
    return model


def test_the_distortion_falls_and_every_term_is_logged(case: Case, trained: Trained) -> None:
    history = trained.history
    terms = trained.model.objective
    names = {"loss", "mse", *(term.name for term in terms)}
    names |= {name for term in terms if hasattr(term, "usage") for name in term.usage.result()}
    assert names | {f"val_{name}" for name in names} == set(history)
    if case.distortion is not None:
        assert history[case.distortion][-1] < history[case.distortion][0]


def test_training_moves_every_trainable_weight(trained: Trained) -> None:
    still = [
        v.path
        for v, old in zip(trained.model.trainable_variables, trained.before, strict=True)
        if np.array_equal(ops.convert_to_numpy(v), old)
    ]
    assert trained.before
    assert not still


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="short trainings run in Python")
def test_steps_are_compiled_in_the_first_epoch_alone(trained: Trained) -> None:
    assert 0 < trained.traces[0] == trained.traces[-1]


def test_the_loss_is_the_papers_objective(case: Case) -> None:
    model, x = make(case), case.rows()
    with noise_from_its_start(model), model._measure():
        outputs = model(x)
    arrays = {key: ops.convert_to_numpy(value) for key, value in outputs.items()}
    with noise_from_its_start(model):
        loss = float(ops.convert_to_numpy(model.compute_loss(x, None, outputs, training=False)))
    with noise_from_its_start(model):
        wanted = case.objective(x, arrays, model)
    assert abs(loss - wanted) <= 1e-5 * max(1.0, abs(wanted))


@contextlib.contextmanager
def noise_from_its_start(model: Any) -> Iterator[None]:
    """Evaluations inside draw the same noise each time."""
    for layer in model._flatten_layers():
        if isinstance(layer, Noise):
            layer.reset_evaluation(0)
    yield


def test_a_saved_model_is_the_same_model(case: Case, trained: Trained, tmp_path: Path) -> None:
    model, x = trained.model, case.data()
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    assert loaded.get_config() == model.get_config()
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), rtol=1e-6, atol=1e-6)
    assert loaded.evaluate(x, verbose=0) == pytest.approx(model.evaluate(x, verbose=0), rel=1e-6)


def test_prediction_is_deterministic_and_shaped_as_its_input(case: Case, trained: Trained) -> None:
    model, x = trained.model, case.data()
    prediction = model.predict(x)
    assert prediction.shape == examples(x).shape
    np.testing.assert_array_equal(prediction, model.predict(x))
    np.testing.assert_array_equal(prediction, model.reconstruct(x))


def test_a_row_does_not_depend_on_its_batch(case: Case, trained: Trained) -> None:
    model, x = trained.model, case.data()
    for method in (model.encode, model.score, model.reconstruct):
        np.testing.assert_allclose(method(x)[:5], method(first(x, 5)), rtol=1e-5, atol=1e-5)


def test_decoding_the_code_is_reconstruction(case: Case, trained: Trained) -> None:
    model, x = trained.model, with_known_labels(case.data())
    codes = model.encode(x)
    assert codes.shape == (len(examples(x)), *model.latent_shape)
    decoded = model.decode(codes, **told(x))
    np.testing.assert_allclose(decoded, model.reconstruct(x), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_a_condition_is_taken_in_training_and_reaches_the_reconstruction(case: Case) -> None:
    if "condition" not in keras_ae.describe(case.name).parameters:
        pytest.skip("chooses all of its parts")
    x = examples(case.data())
    model = compiled(case, condition={"name": "label", "categories": 3})
    rows, others = ({"x": x, "condition": (np.arange(len(x)) + k) % 3} for k in (0, 1))
    given = case.grouped(rows)
    history = model.fit(given, epochs=1, batch_size=8, validation_data=rows, verbose=0).history
    assert np.isfinite([values[0] for values in history.values()]).all()
    assert np.isfinite(model.score(rows)).all()
    here, there = model.reconstruct(rows), model.reconstruct(others)
    assert here.shape == x.shape
    assert (abs(here - there).reshape(len(x), -1).max(1) > 1e-6).all()
    with pytest.raises(ValueError, match="`condition` must be given"):
        model.reconstruct(x)


def test_an_evaluation_repeats_with_its_seed(case: Case, trained: Trained) -> None:
    model, x = trained.model, case.data()
    once, again = (model.evaluate(x, seed=5, verbose=0, return_dict=True) for _ in range(2))
    assert once == again


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_trains_finite(case: Case, policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        model, x = compiled(case), case.data()
        history = model.fit(case.rows(), epochs=2, batch_size=8, verbose=0).history
    finally:
        keras.config.set_dtype_policy("float32")
    assert all(np.isfinite(values).all() for values in history.values())
    assert np.isfinite(model.score(x)).all()
    assert model.score(x).dtype == np.float32
