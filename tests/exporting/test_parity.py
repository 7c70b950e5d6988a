from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import keras_ae
from keras_ae.exporting import parity
from keras_ae.exporting.signatures import signatures_of
from tests.exporting.own import Conditional, with_missing_entries


def test_a_difference_is_relative_above_one_and_absolute_below() -> None:
    model = np.array([0.0, 100.0])
    assert parity.difference(np.array([1e-6, 100.0]), model) == pytest.approx(1e-6)
    assert parity.difference(np.array([0.0, 100.1]), model) == pytest.approx(1e-3)
    codes = np.array([3, 4], "int32")
    assert parity.difference(np.array([3, 2], "int32"), codes) == 0.5


def test_another_shape_type_or_a_number_that_is_none_is_infinitely_far() -> None:
    model = np.zeros((2, 1))
    assert parity.difference(np.zeros(2), model) == np.inf
    assert parity.difference(np.array([[0.0], [np.nan]]), model) == np.inf
    assert parity.difference(np.zeros((2, 1), "float32"), model) == np.inf


def test_a_copy_that_differs_is_refused_by_its_signature() -> None:
    parity.check("onnx", {"encode": 9e-6})
    for value in (2e-5, float("nan"), float("inf")):
        with pytest.raises(parity.Differs, match="'encode' of onnx. Nothing was written"):
            parity.check("onnx", {"encode": value})


def test_a_probe_holds_the_models_own_answers() -> None:
    model = keras_ae.create("vae", input_shape=(4,), latent_dim=2, hidden=[3])
    made = parity.probe(model, signatures_of(model))
    x = made["score/in/x"]
    np.testing.assert_array_equal(made["score/out/score"], model.score(x))
    np.testing.assert_array_equal(made["encode/out/latent"], model.encode(made["encode/in/x"]))
    assert len(made) == 2 * len(signatures_of(model))


def test_a_difference_is_measured_in_its_own_signature_and_in_the_largest_batch() -> None:
    model = keras_ae.create("autoencoder", input_shape=(4,), latent_dim=2, hidden=[3])
    signatures = signatures_of(model)
    made = parity.probe(model, signatures)
    sizes = []

    def run(name: str, inputs: dict[str, Any]) -> Any:
        signature = next(s for s in signatures if s.name == name)
        sizes.append(len(next(iter(inputs.values()))))
        return parity.output(model, signature, inputs)

    altered = {**made, "score/out/score": made["score/out/score"].copy()}
    altered["score/out/score"][6] += 0.5  # a row that only the largest batch has
    measured = parity.measure(run, signatures, altered)
    expected = 0.5 / max(1.0, float(abs(altered["score/out/score"][6])))
    assert measured.pop("score") == pytest.approx(expected, rel=1e-3)
    assert max(measured.values()) <= parity.TOLERANCE
    assert set(sizes) == {1, 3, 7}


def test_a_probe_of_scaled_data_is_in_their_units_and_has_missing_entries() -> None:
    model = with_missing_entries()
    data = np.random.default_rng(0).normal(1000.0, 50.0, (64, 5)).astype("float32")
    model.adapt(data)
    made = parity.probe(model, signatures_of(model))
    x = made["encode/in/x"]
    assert 0.02 < np.isnan(x).mean() < 0.5
    assert 900.0 < np.nanmean(x) < 1100.0
    assert np.isfinite(made["encode/out/latent"]).all()


def test_a_probe_of_a_conditional_model_has_its_condition() -> None:
    model = Conditional((4,))
    made = parity.probe(model, signatures_of(model))
    assert made["decode/in/condition"].shape == (7, 3)
    assert made["sample/out/sample"].shape == (7, 4)
