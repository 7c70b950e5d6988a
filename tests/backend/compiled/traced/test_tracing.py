from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.bottlenecks import Deterministic
from keras_ae.objectives import Reconstruction, Term
from tests.backend.compiled.test_compiled import OPTIONS, X, fit, make, weights

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="is about traces")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras_ae.backend.compiled import on_torch

    monkeypatch.setattr(on_torch, "WORTH_TRACING", 0)


def test_what_a_trace_would_freeze_is_not_traced() -> None:
    from keras_ae.backend.compiled.traced.tracing import is_traceable

    dropout = keras.Sequential([keras.Input((6,)), keras.layers.Dropout(0.5)])
    rate = keras.optimizers.schedules.CosineDecay(0.1, 10)
    assert is_traceable(make("vae"))
    assert not is_traceable(make(encoder=dropout))
    for optimizer in (
        keras.optimizers.SGD(rate),
        keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
        keras.optimizers.Adam(0.1, use_ema=True, ema_overwrite_frequency=5),
        keras.optimizers.Nadam(0.1),
    ):
        model = make()
        model.compile(optimizer=optimizer)
        assert not is_traceable(model)
    assert not is_traceable(make("beta_vae", beta=rate))


@pytest.mark.parametrize("name", list(OPTIONS))
def test_tracing_a_step_trains_nothing(name: str) -> None:
    from keras_ae.backend.compiled.traced import tracing

    model = make(name)
    fit(model, epochs=1)  # which makes the optimizers
    before = weights(model)
    data = (torch_tensor(X),)
    assert tracing.trace(model, data, torch_tensor(np.arange(8))) is not None
    for a, b in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(a, b)


class CountsCalls(Term):
    """How often the term was computed: a number that a trace would freeze."""

    calls = 0

    def value(self, model: Any, batch: Any, outputs: Any, training: bool) -> Any:
        self.calls += 1
        return ops.zeros_like(batch.x[:, 0]) + self.calls


def test_a_trace_that_computes_something_else_is_not_replayed() -> None:
    model = keras_ae.LatentModel(
        (6,), bottleneck=Deterministic(2), objective=[Reconstruction(), CountsCalls()]
    )
    model.compile(keras.optimizers.Adam(0.01))
    first, second, third = fit(model)["counts_calls"]
    assert first < second < third


def torch_tensor(x: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(x)


def test_traces_are_kept_until_the_model_is_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras_ae.backend.compiled.traced import tracing

    sizes = []
    trace = tracing.trace

    def counted(model: Any, data: Any, rows: Any, *division: Any, **options: Any) -> Any:
        sizes.append(len(rows))
        return trace(model, data, rows, *division, **options)

    monkeypatch.setattr(tracing, "trace", counted)
    model = make()
    for _ in range(2):
        fit(model, epochs=1, validation_data=None)
        model.evaluate(X, batch_size=20, verbose=0)
    assert sizes == [8, 3, 20, 15]
    model.compile(keras.optimizers.Adam(0.01))
    fit(model, epochs=1, validation_data=None)
    model.evaluate(X, batch_size=20, verbose=0)
    assert sizes == [8, 3, 20, 15] * 2


def test_one_batch_on_the_edge_of_a_relu_is_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras_ae.backend.compiled.traced import checking, tracing

    model = make()
    fit(model, epochs=1)
    answers, agree = [False], checking._agree
    monkeypatch.setattr(checking, "_agree", lambda *a: answers.pop() if answers else agree(*a))
    before = weights(model)
    assert tracing.trace(model, (torch_tensor(X),), torch_tensor(np.arange(8))) is not None
    assert not answers
    for a, b in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_sequences_that_are_looped_over_are_not_traced() -> None:
    from keras_ae.backend.compiled.traced import tracing

    given = {"input_shape": (6, 1), "latent_dim": 2, "hidden": [3], "encoder": "recurrent"}
    x = np.random.default_rng(0).random((16, 6, 1), dtype="float32")
    for name, options, traced in (
        ("autoencoder", {}, True),
        ("contractive_autoencoder", {"estimator": "hutchinson"}, False),
    ):
        model = keras_ae.create(name, decoder="mlp", **given, **options)
        model.compile("adam")
        model.fit(x, batch_size=8, verbose=0)
        program = tracing.trace(model, (torch_tensor(x),), torch_tensor(np.arange(8)))
        assert (program is not None) == traced
