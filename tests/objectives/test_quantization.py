"""The cost of a quantizer as a term, and what is logged beside it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.bottlenecks import (
    LookupFreeQuantizer,
    ResidualQuantizer,
    VectorQuantizer,
)
from keras_ae.objectives import Quantization, Reconstruction
from keras_ae.typing import Batch
from tests.bottlenecks.quantizers.cases import called, features

LOGGED = {"perplexity", "code_usage", "dead_codes"}


def attached(quantizer: Any, h: np.ndarray, weight: float = 1.0) -> tuple[Quantization, Any]:
    """Return the term of a model that has but a quantizer."""
    quantizer.build((None, *h.shape[1:]))
    term, model = Quantization(weight), SimpleNamespace(bottleneck=quantizer)
    term.attach(model)
    return term, model


@pytest.mark.parametrize(
    "quantizer",
    [VectorQuantizer(8, 4), ResidualQuantizer(VectorQuantizer(8, 4), 2), LookupFreeQuantizer(4)],
    ids=lambda quantizer: type(quantizer).__name__,
)
def test_it_is_the_loss_of_each_example_and_it_counts_the_codes(quantizer: Any) -> None:
    h = features(6, 5, 4)
    term, model = attached(quantizer, h)
    outputs = quantizer(ops.convert_to_tensor(h))
    value = ops.convert_to_numpy(term.value(model, Batch(None, None), outputs, False))
    found = called(quantizer, h)
    np.testing.assert_array_equal(value, found["loss"])
    assert value.any()
    assert set(term.needs) <= set(outputs)
    assert term.of_batch == (type(quantizer) is LookupFreeQuantizer)
    usage = {k: float(ops.convert_to_numpy(v)) for k, v in term.usage.result().items()}
    sizes, rows = quantizer.sizes, found["indices"].reshape(-1, len(quantizer.sizes))
    used = np.mean([len(np.unique(rows[:, i])) / size for i, size in enumerate(sizes)])
    assert usage["code_usage"] == pytest.approx(used, rel=1e-5)
    name = "snr" if len(sizes) == 1 else "snr_2"
    ratio = found["signal"].sum() / found["errors"][:, -1].sum()
    assert usage[name] == pytest.approx(10 * np.log10(ratio), rel=1e-4)


def test_it_is_a_nonnegative_multiple_by_name() -> None:
    assert Quantization(0.5).name == "quantization"
    with pytest.raises(ValueError, match="`weight` must"):
        Quantization(-1.0)


def trained(weight: float, quantizer: Any) -> tuple[Any, np.ndarray]:
    model = keras_ae.LatentModel(
        (6,),
        bottleneck=quantizer,
        objective=[Reconstruction(), Quantization(weight)],
        likelihood="gaussian",
        hidden=[8],
    )
    model.compile("adam")
    return model, features(64, 6)


def test_training_and_evaluation_log_the_cost_and_the_use_of_codes() -> None:
    model, x = trained(1.0, VectorQuantizer(8, 2, tokens=3))
    history = model.fit(x, batch_size=16, epochs=2, verbose=0).history
    assert {"quantization", "snr", *LOGGED} <= set(history)
    assert all(1 <= p <= 8.001 for p in history["perplexity"])
    logs = model.evaluate(x, batch_size=16, verbose=0, return_dict=True)
    h = model.encoder(x)
    found = called(model.bottleneck, ops.convert_to_numpy(h))
    assert logs["quantization"] == pytest.approx(found["loss"].mean(), rel=1e-4)
    uses = np.bincount(found["indices"].ravel(), minlength=8) / found["indices"].size
    entropy = -(uses[uses > 0] * np.log(uses[uses > 0])).sum()
    assert logs["perplexity"] == pytest.approx(np.exp(entropy), rel=1e-4)
    assert logs["code_usage"] == pytest.approx((uses > 0).mean())
    assert logs["dead_codes"] == pytest.approx((uses < 0.1 / 8).mean())


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_the_loss_has_so_much_of_it(weight: float) -> None:
    model, x = trained(weight, VectorQuantizer(8, 2, tokens=3))
    logs = model.evaluate(x, batch_size=64, verbose=0, return_dict=True)
    expected = logs["reconstruction"] + weight * logs["quantization"]
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
