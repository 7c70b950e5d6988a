from __future__ import annotations

import random
from typing import Any

import keras
import numpy as np
import pytest

from keras_ae import samplers
from keras_ae.samplers.second_model import seeded, standardised
from tests.samplers.models import X, identity

FLOW = {"name": "affine_coupling", "hidden": [8], "depth": 1}
QUICK: dict[str, Any] = {
    "flow": {"epochs": 2, "flow": FLOW},
    "two_stage": {"epochs": 2, "hidden": [8]},
}


KINDS = ["flow", pytest.param("two_stage", marks=pytest.mark.slow)]


def made(name: str) -> Any:
    return samplers.get({"name": name, **QUICK[name]})


@pytest.mark.parametrize("name", KINDS)
def test_a_fit_is_a_function_of_its_seed(name: str) -> None:
    model = identity("vae")
    drawn = []
    for seed in (3, 3, 4):
        random.random()  # whatever was drawn before
        made(name).fit(model, X[:200], seed=seed)
        drawn.append(model.sample(5, seed=0))
    np.testing.assert_allclose(drawn[0], drawn[1], rtol=1e-5, atol=1e-6)
    assert abs(drawn[0] - drawn[2]).max() > 1e-3


@pytest.mark.parametrize("name", KINDS)
def test_a_second_fit_starts_anew(name: str) -> None:
    model = identity("vae")
    sampler = made(name)
    sampler.fit(model, 5.0 * X[:200] + 2.0, seed=1)
    sampler.fit(model, X[:200], seed=0)
    again = model.sample(5, seed=0)
    made(name).fit(model, X[:200], seed=0)
    np.testing.assert_allclose(model.sample(5, seed=0), again, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", KINDS)
def test_one_row_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"at least 2 rows.*Received: 1"):
        made(name).fit(identity("vae"), X[:1])


def test_standardised_codes_have_their_units() -> None:
    codes = X.reshape(-1, 3, 1)
    rows, shift, scale = standardised(codes)
    np.testing.assert_allclose(rows * scale + shift, X, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(rows.std(0), 1.0, rtol=1e-4)


def test_seeds_of_layers_leave_the_global_state_alone() -> None:
    random.seed(5)
    wanted = random.random()
    random.seed(5)
    kernels = []
    for _ in range(2):
        with seeded(9):
            layer = keras.layers.Dense(3)
            layer.build((None, 2))
        kernels.append(keras.ops.convert_to_numpy(layer.kernel))
    np.testing.assert_array_equal(*kernels)
    assert random.random() == wanted
