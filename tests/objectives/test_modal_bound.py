"""Bounds of several modalities, beside NumPy, and models that miss some."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

import keras_ae
from keras_ae.objectives import ModalBound

RNG = np.random.default_rng(0)
VIEWS = {"a": {"shape": 4, "hidden": [5], "scale": 2.0}, "b": {"shape": 2, "hidden": [3]}}
X = RNG.normal(size=(6, 6)).astype("f4")
GAPS = X.copy()
GAPS[1, :4] = GAPS[2, 4:] = GAPS[3] = np.nan
GAPS[4, 1] = np.nan


def make(fusion: str = "product", **options: Any) -> Any:
    model = keras_ae.create(
        "multimodal_vae", latent_dim=2, modalities=VIEWS, fusion=fusion, **options
    )
    for weight in model.trainable_variables:
        weight.assign(RNG.normal(scale=0.4, size=weight.shape))
    model.compile(keras.optimizers.Adam(1e-2))
    return model


def bound(model: Any, x: np.ndarray, z: np.ndarray, beta: float) -> np.ndarray:
    """-sum_m lambda_m log N(x_m; g(z), 1) + beta KL, observed entries and all seen by q."""
    given = model.posterior(x)
    mean, log_var = given["mean"].astype("f8"), given["log_var"].astype("f8")
    decoded = ops.convert_to_numpy(model.decoder(z)).astype("f8")
    scale = np.array([2.0] * 4 + [1.0] * 2)
    density = np.nansum(scale * stats.norm(decoded).logpdf(x), axis=1)
    rate = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(1)
    return np.asarray(beta * rate - density)


def test_products_add_the_bounds_of_each_modality_alone() -> None:
    model = make(beta=0.5)
    noise = model.bottleneck.noise
    noise.reset_evaluation(0)
    batch = model.batch(GAPS)
    features = model.features(batch.x, batch)
    outputs = model.bottleneck(features, sample=True)
    decoded = model.decoder(outputs["latent"])
    noise.reset_evaluation(1)
    got = ops.convert_to_numpy(
        model.objective[0].value(model, batch, {**outputs, "decoded": decoded}, False)
    )
    wanted = bound(model, GAPS, ops.convert_to_numpy(outputs["latent"]), 0.5)
    noise.reset_evaluation(1)
    epsilon = ops.convert_to_numpy(noise.normal((12, 2))).reshape(6, 2, 2)
    for m, columns in enumerate((slice(0, 4), slice(4, 6))):
        alone = np.full_like(GAPS, np.nan)
        alone[:, columns] = GAPS[:, columns]
        given = model.posterior(alone)
        z = given["mean"] + np.exp(0.5 * given["log_var"]) * epsilon[:, m]
        wanted = wanted + bound(model, alone, z.astype("f4"), 0.5)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)
    assert abs(got[3]) < 1e-4  # nothing is there


def test_a_mixtures_rate_is_its_density_at_the_draw() -> None:
    model = make("mixture")
    batch = model.batch(X)
    outputs = model.bottleneck(model.features(batch.x, batch), sample=True)
    decoded = model.decoder(outputs["latent"])
    given = {**outputs, "decoded": decoded}
    got = ops.convert_to_numpy(model.objective[0].value(model, batch, given, False))
    z = ops.convert_to_numpy(outputs["latent"]).astype("f8")
    scale = np.array([2.0] * 4 + [1.0] * 2)
    density = (scale * stats.norm(ops.convert_to_numpy(decoded)).logpdf(X)).sum(1)
    log_q = ops.convert_to_numpy(model.bottleneck.log_prob(outputs))
    wanted = log_q - stats.norm.logpdf(z).sum(1) - density
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("fusion", ["product", "mixture", "mixture_of_products"])
def test_what_is_missing_changes_no_code_and_no_bound(fusion: str) -> None:
    model = make(fusion)
    masked = {"x": np.where(np.isnan(GAPS), 1e3, GAPS), "mask": (~np.isnan(GAPS)).astype("f4")}
    np.testing.assert_allclose(model.encode(masked), model.encode(GAPS), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        model.log_prob(masked, 5), model.log_prob(GAPS, 5), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(model.score(masked), model.score(GAPS), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fusion", ["product", "mixture", "mixture_of_products"])
def test_the_bound_is_that_of_the_joint_density(fusion: str) -> None:
    model = make(fusion)
    draws = RNG.normal(size=(200_000, 2)).astype("f4")
    decoded = ops.convert_to_numpy(model.decoder(draws)).astype("f8")
    for row in (0, 1, 2):
        seen = ~np.isnan(GAPS[row])
        density = stats.norm(decoded[:, seen]).logpdf(GAPS[row, seen]).sum(1)
        exact = np.logaddexp.reduce(density) - np.log(len(draws))
        got = model.log_prob(GAPS[row : row + 1], 20_000)[0]
        assert got == pytest.approx(exact, abs=0.03)


@pytest.mark.parametrize("fusion", ["product", "mixture", "mixture_of_products"])
def test_a_modality_is_made_from_the_other(fusion: str) -> None:
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, 400)
    views = np.concatenate(
        [np.where(kind, 2.0, -2.0)[:, None] + rng.normal(size=(400, 4)) * 0.3, np.eye(2)[kind]],
        axis=1,
    ).astype("f4")
    keras.utils.set_random_seed(0)
    label = {"shape": 2, "likelihood": "one_hot_categorical", "hidden": [8], "scale": 4.0}
    model = keras_ae.create(
        "multimodal_vae",
        latent_dim=1,
        modalities={"a": {"shape": 4, "hidden": [8]}, "b": label},
        fusion=fusion,
    )
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(views, batch_size=40, epochs=15, verbose=0)
    without = views.copy()
    without[:, 4:] = np.nan
    found = model.reconstruct(without)[:, 4:].argmax(1)
    assert (found == kind).mean() > 0.95
    without = views.copy()
    without[:, :4] = np.nan
    found = model.reconstruct(without)[:, :4].mean(1)
    assert ((found > 0) == kind).mean() > 0.95


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="groups of columns"):
        keras_ae.LatentModel(
            (6,),
            bottleneck=keras_ae.bottlenecks.Gaussian(2),
            prior="standard_normal",
            objective=[ModalBound()],
        )
    for wrong in (0.0, float("nan")):
        with pytest.raises(ValueError, match="must be a positive number"):
            ModalBound(scales=[1.0, wrong])
    with pytest.raises(ValueError, match="`beta`"):
        ModalBound(beta=float("nan"))
    with pytest.raises(ValueError, match="encodes rows as they are"):
        make(corruption="gaussian_noise")
    with pytest.raises(ValueError, match="must have a 'shape'|with a 'shape'"):
        keras_ae.create("multimodal_vae", modalities={"a": {"size": 3}})
    with pytest.raises(ValueError, match="at least one modality"):
        keras_ae.create("multimodal_vae", modalities={})
    with pytest.raises(ValueError, match="`fusion` must be one of"):
        keras_ae.create("multimodal_vae", modalities=VIEWS, fusion="sum")
    with pytest.raises(ValueError, match="all 7 columns"):
        keras_ae.create("multimodal_vae", input_shape=(7,), modalities=VIEWS)


def test_a_target_that_is_whole_does_not_make_an_input_whole() -> None:
    model = make()
    batch = model.batch(ops.convert_to_tensor(GAPS), ops.convert_to_tensor(X))
    found = ops.convert_to_numpy(model.features(batch.x, batch))
    np.testing.assert_array_equal(found[:, -2:], [[1, 1], [0, 1], [1, 0], [0, 0], [1, 1], [1, 1]])
    np.testing.assert_array_equal(ops.convert_to_numpy(batch.mask), np.ones((6, 6)))
