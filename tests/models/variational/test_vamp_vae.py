from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

import keras_ae
from keras_ae.distributions.noise import GivenNoise

RNG = np.random.default_rng(0)
ROWS, COMPONENTS = 3_000, 5


def make(**options: Any) -> Any:
    """With every weight drawn, so that the components differ in their variances."""
    model = keras_ae.create(
        "vamp_vae", input_shape=(6,), latent_dim=2, components=COMPONENTS, hidden=[4], **options
    )
    for variable in model.trainable_variables:
        variable.assign(0.5 * RNG.normal(size=variable.shape))
    return model


def components(model: Any, level: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Return means and deviations of the posteriors of the pseudo-inputs."""
    found = model.posterior(ops.convert_to_numpy(model.prior.pseudo_inputs.inputs))
    return found[f"{level}mean"], np.exp(found[f"{level}log_var"] / 2)


def drawn(model: Any, *noise: float) -> np.ndarray:
    """Draw with uniform noise for the components, and normal noise of one value for each level."""
    uniform = RNG.random((ROWS, COMPONENTS)).astype("float32")
    sizes = [2] if len(noise) == 1 else [3, 2]
    normal = [np.full((ROWS, n), v, "float32") for n, v in zip(sizes, noise, strict=True)]
    sample = model.prior.sample((ROWS, sum(sizes)), GivenNoise([uniform, *normal]), model=model)
    return ops.convert_to_numpy(sample)


def check(codes: np.ndarray, places: np.ndarray) -> None:
    """Codes are at the places of components, which are drawn evenly."""
    distance = abs(codes[:, None] - places).max(-1)
    assert distance.min(1).max() < 1e-4 * abs(places).max()
    assert stats.chisquare(np.bincount(distance.argmin(1), minlength=COMPONENTS)).pvalue > 1e-5


def test_codes_are_drawn_from_any_component_with_its_own_deviation() -> None:
    model = make()
    mean, deviation = components(model)
    assert np.ptp(deviation) > 0.1
    check(drawn(model, 0.0), mean)
    check(drawn(model, 1.5), mean + 1.5 * deviation)


def test_codes_of_two_levels_are_drawn_from_above_to_below() -> None:
    model = make(levels=2, upper_dim=3)
    mean, deviation = components(model, "upper_")
    codes = drawn(model, -1.0, 2.0)
    upper = codes[:, 2:]
    check(upper, mean - deviation)
    hidden, lower = model.prior.hidden.get_weights(), model.prior.lower.get_weights()
    below = np.maximum(upper @ hidden[0] + hidden[1], 0) @ lower[0] + lower[1]
    wanted = below[:, :2] + 2 * np.exp(below[:, 2:] / 2)
    np.testing.assert_allclose(codes[:, :2], wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("levels", [1, 2])
def test_samples_have_the_density_of_the_prior(levels: int) -> None:
    """E 1[z in a box] over the density is its volume: here by importance from a wide normal."""
    model = keras_ae.create(
        "vamp_vae", input_shape=(6,), latent_dim=1, components=3, hidden=[4], levels=levels
    )
    wide = stats.norm.rvs(scale=2, size=(20_000, levels), random_state=1).astype("float32")
    log_ratio = ops.convert_to_numpy(model.prior.log_prob(wide, model)).astype("f8")
    ratio = np.exp(log_ratio - stats.norm.logpdf(wide, scale=2).sum(1))
    assert abs(ratio.mean() - 1) < 4.5 * ratio.std() / np.sqrt(len(ratio))
    model.bottleneck.noise.reset_evaluation(2)
    sample = model.prior.sample((20_000, levels), model.bottleneck.noise, model=model)
    sample = ops.convert_to_numpy(sample)
    for statistic in (lambda z: z, lambda z: z**2):
        of_density = ratio[:, None] * statistic(wide.astype("f8"))
        of_draws = statistic(sample.astype("f8"))
        error = np.hypot(of_density.std(0), of_draws.std(0)) / np.sqrt(20_000)
        assert (abs(of_density.mean(0) - of_draws.mean(0)) < 4.5 * error).all()


@pytest.mark.parametrize("options", [{"levels": 3}, {"levels": 1, "upper_dim": 2}])
def test_other_levels_are_refused(options: Any) -> None:
    with pytest.raises(ValueError, match="`levels` must be 1, or 2"):
        make(**options)
