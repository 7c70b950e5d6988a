"""The normal prior of each condition, beside SciPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

import keras_ae
from keras_ae.bottlenecks import FlowPosterior, Gaussian, Hyperspherical
from keras_ae.distributions.noise import Noise
from keras_ae.objectives import KLDivergence, Reconstruction, draws

RNG = np.random.default_rng(0)
X = RNG.random((12, 5)).astype("float32")
C = RNG.normal(size=(12, 3)).astype("float32")
ROWS = {"x": X, "condition": C}


def make(hidden: Any = (4,), bottleneck: Any = None, condition: Any = 3) -> Any:
    model = keras_ae.LatentModel(
        (5,),
        bottleneck=bottleneck or Gaussian(2),
        objective=[Reconstruction(), KLDivergence()],
        prior={"name": "conditional_normal", "hidden": hidden},
        condition=condition,
        hidden=[6],
    )
    for weight in model.prior.trainable_weights:
        weight.assign(0.7 * RNG.normal(size=weight.shape))
    return model


def by_hand(model: Any, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each row, float64."""
    weights = [np.array(w, "f8") for w in model.prior.get_weights()]
    h = c.astype("f8")
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        h = np.maximum(h @ kernel + bias, 0)
    mean, log_var = np.split(h @ weights[-2] + weights[-1], 2, axis=1)
    return mean, np.exp(0.5 * log_var)


def given(model: Any, c: np.ndarray) -> Any:
    return model.prior.given(ops.convert_to_tensor(c))


@pytest.mark.parametrize("hidden", [[], [4], [6, 4]])
def test_the_density_is_the_normal_of_each_rows_condition(hidden: list[int]) -> None:
    model, z = make(hidden), RNG.normal(size=(12, 2)).astype("float32")
    wanted = stats.norm.logpdf(z, *by_hand(model, C)).sum(1)
    got = ops.convert_to_numpy(given(model, C).log_prob(ops.convert_to_tensor(z)))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_draws_follow_each_condition() -> None:
    model, rows = make(), 40_000
    mean, deviation = by_hand(model, C[:2])
    drawn = given(model, np.repeat(C[:2], rows, axis=0)).sample((2 * rows, 2), Noise())
    drawn = ops.convert_to_numpy(drawn).reshape(2, rows, 2)
    assert (abs(drawn.mean(1) - mean) < 5 * deviation / np.sqrt(rows)).all()
    np.testing.assert_allclose(drawn.std(1), deviation, rtol=0.03)
    assert stats.kstest((drawn[0, :, 0] - mean[0, 0]) / deviation[0, 0], "norm").pvalue > 1e-4


def test_examples_of_a_condition_are_its_codes_decoded() -> None:
    model = make()
    drawn = model.sample(500, condition=C[1], seed=3)
    noise = Noise()
    noise.reset_evaluation(3)
    epsilon = np.concatenate([ops.convert_to_numpy(noise.normal((256, 2))) for _ in range(2)])
    mean, deviation = by_hand(model, C[1:2])
    z = (mean + deviation * epsilon[:500]).astype("float32")
    np.testing.assert_allclose(drawn, model.decode(z, condition=C[1]), rtol=1e-4, atol=1e-5)
    assert abs(drawn - model.decode(z, condition=C[2])).max() > 1e-2


def test_the_divergence_is_that_of_two_normals() -> None:
    model = make()
    found = model.posterior(ROWS)
    m, s = found["mean"].astype("f8"), np.exp(0.5 * found["log_var"].astype("f8"))
    prior_m, prior_s = by_hand(model, C)
    wanted = np.log(prior_s / s) + (s**2 + (m - prior_m) ** 2) / (2 * prior_s**2) - 0.5
    outputs = {key: ops.convert_to_tensor(value) for key, value in found.items()}
    got = ops.convert_to_numpy(model.bottleneck.kl(outputs, given(model, C)))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
    parts = model.decompose(ROWS)
    np.testing.assert_allclose(parts.kl_per_dimension, wanted.mean(0), rtol=1e-5, atol=1e-5)
    assert parts.rate == pytest.approx(wanted.sum(1).mean(), rel=1e-5)
    assert np.isnan(parts.dimension_wise_kl)


def test_the_rate_of_draws_is_their_log_ratio() -> None:
    model = make()
    batch = model.batch({key: ops.convert_to_tensor(value) for key, value in ROWS.items()})
    parameters = {k: ops.convert_to_tensor(v) for k, v in model.posterior(ROWS).items()}
    outputs, rows = draws.drawn(model, batch, parameters, 3)
    z = ops.convert_to_numpy(outputs["latent"]).astype("f8")
    mean, log_var = (ops.convert_to_numpy(outputs[k]).astype("f8") for k in ("mean", "log_var"))
    prior_mean, prior_scale = by_hand(model, C.repeat(3, axis=0))
    wanted = stats.norm.logpdf(z, mean, np.exp(0.5 * log_var)).sum(1)
    wanted -= stats.norm.logpdf(z, prior_mean, prior_scale).sum(1)
    got = ops.convert_to_numpy(draws.rate(model, outputs, rows, 3))
    np.testing.assert_allclose(got, wanted.reshape(12, 3), rtol=1e-5, atol=1e-5)


def test_without_a_closed_form_the_rate_is_that_of_the_draw() -> None:
    model = make(bottleneck=FlowPosterior(2, {"name": "planar", "depth": 1}, 4))
    rows = {key: ops.convert_to_tensor(value) for key, value in ROWS.items()}
    with model._measure():
        outputs = model(rows)
    z = ops.convert_to_numpy(outputs["latent"])
    wanted = ops.convert_to_numpy(model.bottleneck.log_prob(outputs))
    wanted = wanted - stats.norm.logpdf(z, *by_hand(model, C)).sum(1)
    got = model.objective[1].value(model, model.batch(rows), outputs, False)
    np.testing.assert_allclose(ops.convert_to_numpy(got), wanted, rtol=1e-4, atol=1e-5)


def test_it_starts_near_the_standard_normal() -> None:
    model = keras_ae.create("conditional_vae", input_shape=(5,), latent_dim=2, condition=3)
    mean, deviation = by_hand(model, C)
    assert abs(mean).max() < 0.1
    np.testing.assert_allclose(deviation, 1.0, atol=0.05)


def test_it_cannot_be_used_without_a_condition() -> None:
    with pytest.raises(ValueError, match="needs a model with a condition. Received: condition=No"):
        make(condition=None)
    prior = make().prior
    for call in (lambda: prior.log_prob(X), lambda: prior.given(None)):
        with pytest.raises(ValueError, match="must be given conditions before it is used"):
            call()
    with pytest.raises(ValueError, match="must be given conditions"):
        prior.sample((2, 2), Noise())
    with pytest.raises(ValueError, match="codes in sphere"):
        make(bottleneck=Hyperspherical(3))


def test_a_saved_prior_is_the_same(tmp_path: Path) -> None:
    model = make()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.sample(3, condition=C[0], seed=0), model.sample(3, condition=C[0], seed=0)
    )
