"""What every prior promises: draws that follow its density, and that are functions of noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

import keras_ae
from keras_ae.bottlenecks import (
    Binary,
    Categorical,
    Gaussian,
    Hyperbolic,
    Hyperspherical,
    Joint,
    TwoLevelGaussian,
)
from keras_ae.distributions.noise import CountedNoise, GivenNoise, Noise
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.priors import PARTS
from tests.contract.every import EVERY

RNG = np.random.default_rng(0)
PRIORS: dict[str, tuple[dict[str, Any], Any]] = {
    "autoregressive_normal": ({"correlation": 0.5}, lambda: Gaussian(2)),
    "bernoulli": ({"learned": True}, lambda: Binary(2)),
    "categorical": ({"learned": True}, lambda: Categorical(2, 3)),
    "class_normals": ({"radius": 2.0}, lambda: Gaussian(2)),
    "conditional_normal": ({"hidden": [4]}, lambda: Gaussian(2)),
    "flow": (
        {"flow": {"name": "masked_autoregressive", "hidden": [8], "depth": 2}},
        lambda: Gaussian(2),
    ),
    "gaussian_mixture": ({"components": 3}, lambda: Gaussian(2)),
    "hyperspherical_uniform": ({}, lambda: Hyperspherical(3)),
    "joint": ({"categories": (3, 2)}, lambda: Joint(2, (3, 2))),
    "scaled_normal": ({}, lambda: Gaussian(2)),
    "standard_normal": ({}, lambda: Gaussian(2)),
    "two_level_vamp": (
        {"lower_dim": 1, "components": 4, "hidden": 4},
        lambda: TwoLevelGaussian(1, 1, hidden=4),
    ),
    "vamp": ({"components": 4}, lambda: Gaussian(2)),
    "wrapped_normal": ({"curvature": 2.0}, lambda: Hyperbolic(2, 2.0)),
}
CONDITIONS: dict[str, Any] = {
    "class_normals": {"name": "label", "categories": 3},
    "conditional_normal": 3,
}
DENSITIES = [
    "autoregressive_normal",
    "class_normals",
    "conditional_normal",
    "flow",
    "gaussian_mixture",
    "scaled_normal",
    "standard_normal",
    "two_level_vamp",
    "vamp",
]


def model_of(name: str) -> Any:
    options, bottleneck = PRIORS[name]
    return keras_ae.LatentModel(
        (4,),
        bottleneck=bottleneck(),
        objective=[Reconstruction(), KLDivergence()],
        prior={"name": name, **options},
        condition=CONDITIONS.get(name),
        hidden=[6],
    )


def given(model: Any, rows: int) -> Any:
    """Return the prior of so many rows, under one condition where it depends on one."""
    condition = np.tile([0.3, -1.0, 0.5], (rows, 1)).astype("float32")
    return model.prior.given(None if model.condition is None else ops.convert_to_tensor(condition))


def test_every_prior_is_here() -> None:
    assert set(PRIORS) == set(PARTS)


@pytest.mark.parametrize("name", DENSITIES)
def test_a_density_in_the_plane_integrates_to_one(name: str) -> None:
    model = model_of(name)
    for weight in model.prior.trainable_weights:
        weight.assign(0.3 * RNG.normal(size=weight.shape))
    axis = np.linspace(-9, 9, 181)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2).astype("float32")
    density = np.exp(
        ops.convert_to_numpy(given(model, len(grid)).log_prob(grid, model)).astype("f8")
    )
    assert density.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("name", DENSITIES)
def test_draws_have_the_moments_of_the_density(name: str) -> None:
    model = model_of(name)
    for weight in model.prior.trainable_weights:
        weight.assign(0.3 * RNG.normal(size=weight.shape))
    axis = np.linspace(-9, 9, 181)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2).astype("float32")
    density = np.exp(
        ops.convert_to_numpy(given(model, len(grid)).log_prob(grid, model)).astype("f8")
    )
    weights = density / density.sum()
    mean = weights @ grid
    covariance = (grid - mean).T @ ((grid - mean) * weights[:, None])
    drawn = ops.convert_to_numpy(given(model, 20_000).sample((20_000, 2), Noise(), model=model))
    deviation = np.sqrt(np.diag(covariance))
    assert (abs(drawn.mean(0) - mean) < 0.05 * deviation).all()
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.06 * deviation.max() ** 2)


@pytest.mark.parametrize("name", PRIORS)
def test_draws_are_functions_of_the_noise_row_by_row(name: str) -> None:
    model = model_of(name)
    counted = CountedNoise()
    given(model, 1).sample((1, *model.latent_shape), counted, model=model)
    made = [
        (RNG.normal(size=(6, *shape[1:])) if kind == "normal" else RNG.random((6, *shape[1:])))
        for kind, shape in counted.draws
    ]
    made = [array.astype("float32") for array in made]

    def sample(rows: slice) -> np.ndarray:
        noise = GivenNoise([ops.convert_to_tensor(array[rows]) for array in made])
        count = len(made[0][rows])
        drawn = given(model, count).sample((count, *model.latent_shape), noise, model=model)
        return ops.convert_to_numpy(drawn)

    np.testing.assert_allclose(sample(slice(2, 5)), sample(slice(0, 6))[2:5], rtol=1e-5, atol=1e-6)


def test_discrete_draws_follow_their_probabilities() -> None:
    model = model_of("categorical")
    logits = RNG.normal(size=(2, 3)).astype("float32")
    model.prior.logits.assign(logits)
    drawn = ops.convert_to_numpy(model.prior.sample((20_000, 2, 3), Noise()))
    assert (drawn.sum(-1) == 1).all()
    wanted = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(drawn.mean(0), wanted, atol=0.02)
    np.testing.assert_allclose(
        ops.convert_to_numpy(model.prior.log_prob(drawn[:5])),
        np.log((drawn[:5] * wanted).sum(-1)).sum(-1),
        rtol=1e-5,
    )
    model = model_of("bernoulli")
    model.prior.logits.assign([1.0, -2.0])
    drawn = ops.convert_to_numpy(model.prior.sample((20_000, 2), Noise()))
    ones = 1 / (1 + np.exp([-1.0, 2.0]))
    np.testing.assert_allclose(drawn.mean(0), ones, atol=0.02)
    wanted = stats.bernoulli.logpmf(drawn[:5], ones).sum(1)
    np.testing.assert_allclose(
        ops.convert_to_numpy(model.prior.log_prob(drawn[:5])), wanted, rtol=1e-5
    )


@pytest.mark.parametrize("name", ["beta_vae", "ms_ssim_vae", "perceptual_vae", "vae"])
def test_a_variant_that_leaves_its_prior_open_trains_another(name: str) -> None:
    case = next(case for case in EVERY if case.name == name)
    options = {**case.options, "prior": {"name": "gaussian_mixture", "components": 3}}
    model = keras_ae.create(name, input_shape=case.event_shape, **options)
    before = ops.convert_to_numpy(model.prior.means).copy()
    model.compile("adam")
    history = model.fit(case.data(), epochs=1, batch_size=8, verbose=0).history
    assert np.isfinite(history["kl"]).all()
    assert (ops.convert_to_numpy(model.prior.means) != before).all()
