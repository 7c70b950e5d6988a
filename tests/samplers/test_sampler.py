"""What every sampler promises."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae import samplers
from keras_ae.samplers import PARTS

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(240, 2)) @ RNG.normal(size=(2, 5))).astype("float32")
LABELS = np.where(X[:, 0] > 0, "high", "low")
QUICK: dict[str, dict[str, Any]] = {
    "aggregated_posterior": {"rows": 50},
    "class_mixtures": {"components": 2},
    "flow": {"epochs": 2, "flow": {"name": "affine_coupling", "hidden": [8]}},
    "gaussian_mixture": {"components": 3},
    "kernel_density": {"rows": 50},
    "riemannian_hmc": {"steps": 3, "leapfrog_steps": 2, "centres": 20},
    "two_stage": {"epochs": 2, "hidden": [8]},
}


def make(name: str = "vae", **options: Any) -> Any:
    return keras_ae.create(name, input_shape=(5,), latent_dim=2, hidden=[8], **options)


def fitted(name: str, model: Any) -> Any:
    return samplers.get({"name": name, **QUICK[name]}).fit(model, X, labels=LABELS)


def test_every_sampler_is_here() -> None:
    assert set(QUICK) == set(PARTS)


@pytest.mark.parametrize("name", PARTS)
def test_it_is_drawn_from_saved_and_loaded_with_the_model(name: str, tmp_path: Any) -> None:
    model = make()
    before = model.sample(6, seed=2)
    trained = len(model.trainable_weights)
    fitted(name, model)
    drawn = model.sample(6, seed=2)
    assert drawn.shape == (6, 5)
    assert np.isfinite(drawn).all()
    assert (drawn != before).any()
    assert len(model.trainable_weights) == trained  # a later fit leaves the sampler alone
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.sample(6, seed=2), drawn)
    model.use_sampler(None)
    np.testing.assert_array_equal(model.sample(6, seed=2), before)


@pytest.mark.parametrize("name", PARTS)
def test_a_draw_does_not_depend_on_the_others_of_its_batch(name: str) -> None:
    model = make()
    fitted(name, model)
    whole = model.sample(37, seed=5)
    np.testing.assert_allclose(model.sample(37, seed=5, batch_size=8), whole, rtol=1e-4, atol=1e-5)
    assert len(np.unique(whole.round(5), axis=0)) == 37  # no tail is filled with copies


@pytest.mark.parametrize("name", ["gaussian_mixture", "kernel_density", "flow", "two_stage"])
def test_codes_without_a_distribution_are_fitted_too(name: str) -> None:
    model = make("autoencoder")
    with pytest.raises(ValueError, match=r"no prior to sample from\. Fit a sampler"):
        model.sample(3)
    fitted(name, model)
    assert model.sample(3, seed=0).shape == (3, 5)


@pytest.mark.parametrize("name", ["aggregated_posterior", "riemannian_hmc"])
def test_what_needs_a_posterior_refuses_codes_without(name: str) -> None:
    with pytest.raises(ValueError, match=r"needs a posterior.*Deterministic"):
        fitted(name, make("autoencoder"))


@pytest.mark.parametrize("name", PARTS)
def test_codes_of_a_codebook_are_refused(name: str) -> None:
    model = keras_ae.create("vq_vae", input_shape=(5,), num_codes=4, hidden=[8])
    with pytest.raises(ValueError, match=r"codes of numbers.*VectorQuantizer"):
        fitted(name, model)


@pytest.mark.parametrize("name", ["gaussian_mixture", "flow", "kernel_density", "riemannian_hmc"])
def test_codes_on_a_sphere_are_refused_by_what_fits_vectors(name: str) -> None:
    model = keras_ae.LatentModel(
        (5,),
        bottleneck=keras_ae.bottlenecks.Hyperspherical(3),
        objective=[keras_ae.objectives.Reconstruction(), keras_ae.objectives.KLDivergence()],
        prior="hyperspherical_uniform",
        hidden=[8],
    )
    with pytest.raises(ValueError, match=r"fits codes in vectors.*in sphere"):
        fitted(name, model)
    fitted("aggregated_posterior", model)
    assert model.sample(2).shape == (2, 5)


def test_a_sampler_is_replaced_by_another() -> None:
    model = make()
    fitted("gaussian_mixture", model)
    fitted("kernel_density", model)
    assert type(model.sampler).__name__ == "KernelDensity"
    assert model.get_config()["sampler"]["class_name"] == "KernelDensity"


def test_a_model_with_a_sampler_goes_on_training() -> None:
    model = make()
    model.compile("adam")
    model.fit(X, epochs=1, verbose=0)
    fitted("gaussian_mixture", model)
    history = model.fit(X, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="Did you mean 'gaussian_mixture'"):
        samplers.get("gausian_mixture")
