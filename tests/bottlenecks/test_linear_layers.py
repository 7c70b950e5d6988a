"""A code behind square matrices beside NumPy's product."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

import keras_ae
from keras_ae.bottlenecks import LinearLayers

H = np.random.default_rng(0).normal(size=(4, 2, 5)).astype("float32")


@pytest.mark.parametrize("layers", [1, 3])
def test_the_code_is_an_affine_map_and_the_matrices_in_turn(layers: int) -> None:
    """Jing et al. (2020), section 3: linear layers without bias or activation between them."""
    code = LinearLayers(3, layers=layers)
    code.build((None, 2, 5))
    rng = np.random.default_rng(1)
    for weight in code.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    kernel, bias, *matrices = (np.array(w, "f8") for w in code.trainable_weights)
    assert [m.shape for m in matrices] == [(3, 3)] * layers
    wanted = H.reshape(4, 10) @ kernel + bias
    for m in matrices:
        wanted = wanted @ m
    for training in (False, True):
        found = code(H, training=training, sample=training)
        assert set(found) == {"latent"}
        np.testing.assert_allclose(ops.convert_to_numpy(found["latent"]), wanted, rtol=1e-3)


def test_the_matrices_start_normal_with_a_variance_of_one_over_the_length() -> None:
    code = LinearLayers(64, layers=3)
    code.build((None, 5))
    first, *others = (np.array(w) for w in code.trainable_weights if w.shape == (64, 64))
    for m in (first, *others):
        assert stats.kstest(m.ravel() * 8, "norm").pvalue > 1e-4
        assert abs(m).max() * 8 > 2.5  # a cut normal ends at 2 of its deviations
        assert abs((first * m).sum() / 64 - (m is first)) < 0.1
    assert len(others) == 2


def test_the_layers_of_a_model_all_learn() -> None:
    model = keras_ae.create("irmae", input_shape=(6,), latent_dim=3, layers=2, hidden=[4])
    x = np.random.default_rng(2).normal(size=(16, 6)).astype("float32")
    before = [np.array(m) for m in model.bottleneck.trainable_weights]
    model.compile("sgd")
    model.fit(x, verbose=0)
    assert len(before) == 4
    for weight, old in zip(model.bottleneck.trainable_weights, before, strict=True):
        assert abs(np.array(weight) - old).max() > 0


@pytest.mark.parametrize("option", ["latent_dim", "layers"])
@pytest.mark.parametrize("wrong", [0, -1, 2.5, True, "4"])
def test_an_impossible_size_is_refused(option: str, wrong: Any) -> None:
    given: dict[str, Any] = {"latent_dim": 3, option: wrong}
    with pytest.raises(ValueError, match=f"`{option}` must be a whole number of at least 1"):
        LinearLayers(**given)
