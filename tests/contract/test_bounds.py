"""A loss that is a bound on -log p(x) is the one that `elbo` and `log_prob` measure."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_ae
from tests.contract.every import EVERY

CASES = {case.name: case for case in EVERY}
ELBOS = [
    *("vae", "mixture_vae", "vamp_vae", "flow_posterior_vae", "iaf_vae", "flow_prior_vae"),
    *("categorical_vae", "bernoulli_vae", "hyperspherical_vae", "poincare_vae", "two_stage_vae"),
]
WEIGHTED = {"iwae": 5, "piwae": 6}
DRAWS = 100


def trained(name: str) -> tuple[keras.Model, np.ndarray]:
    case = CASES[name]
    keras.utils.set_random_seed(3)
    model = keras_ae.create(name, input_shape=case.event_shape, **case.options)
    model.compile(keras.optimizers.Adam(0.01))
    model.fit(case.rows(), epochs=4, batch_size=8, verbose=0)
    return model, case.data()


@pytest.mark.slow
@pytest.mark.parametrize("name", ELBOS)
def test_the_loss_is_the_negative_elbo(name: str) -> None:
    model, x = trained(name)
    measured = [model.elbo(x, DRAWS, seed=seed).mean() for seed in range(5)]
    loss = model.evaluate(x, samples=DRAWS, verbose=0, return_dict=True)["loss"]
    error = np.std(measured, ddof=1)  # of one estimate, and both are
    assert abs(loss + np.mean(measured)) <= 6 * error + 1e-4 * abs(loss)


@pytest.mark.slow
@pytest.mark.parametrize("name", WEIGHTED)
def test_the_loss_is_the_negative_importance_weighted_bound(name: str) -> None:
    model, x = trained(name)
    bounds = [model.log_prob(x, WEIGHTED[name], seed=seed).mean() for seed in range(50)]
    loss = model.evaluate(x, samples=50, verbose=0, return_dict=True)["loss"]
    error = np.std(bounds, ddof=1) / np.sqrt(len(bounds))
    assert abs(loss + np.mean(bounds)) <= 6 * error + 1e-4 * abs(loss)
