from __future__ import annotations

import numpy as np
import pytest

import keras_ae
from keras_ae.exporting import parity


def test_a_difference_is_relative_above_one_and_absolute_below() -> None:
    model = np.array([0.0, 100.0])
    assert parity.difference(np.array([1e-6, 100.0]), model) == pytest.approx(1e-6)
    assert parity.difference(np.array([0.0, 100.1]), model) == pytest.approx(1e-3)


def test_another_shape_or_a_number_that_is_none_is_infinitely_far() -> None:
    model = np.zeros((2, 1))
    assert parity.difference(np.zeros(2), model) == np.inf
    assert parity.difference(np.array([[0.0], [np.nan]]), model) == np.inf


def test_a_copy_that_differs_is_refused_by_its_signature() -> None:
    parity.check({"encode": 9e-6})
    for value in (2e-5, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="in signature 'encode'. Nothing was written"):
            parity.check({"encode": value})


def test_a_probe_holds_the_models_own_answers() -> None:
    model = keras_ae.create("vae", input_shape=(4,), latent_dim=2, hidden=[3])
    probe = parity.probe(model)
    np.testing.assert_array_equal(probe["score/output"], model.score(probe["score/input"]))
    assert set(probe) == {f"{s}/{r}" for s in parity.SIGNATURES for r in ("input", "output")}
