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
OF_CODES: dict[str, dict[str, Any]] = {
    "causal_transformer": {"epochs": 2, "width": 8, "depth": 1, "heads": 2},
    "masked_transformer": {"epochs": 2, "width": 8, "depth": 1, "heads": 2, "rounds": 3},
    "pixel_cnn": {"epochs": 2, "filters": 4, "depth": 2, "kernel_size": 3},
}


def make(name: str = "vae", **options: Any) -> Any:
    return keras_ae.create(name, input_shape=(5,), latent_dim=2, hidden=[8], **options)


def discrete() -> Any:
    return keras_ae.create(
        "vq_vae", input_shape=(5,), latent_dim=2, num_codes=16, tokens=4, hidden=[8]
    )


def made_for(name: str) -> Any:
    return discrete() if name in OF_CODES else make()


def fitted(name: str, model: Any) -> Any:
    options = {**QUICK, **OF_CODES}[name]
    return samplers.get({"name": name, **options}).fit(model, X, labels=LABELS)


def test_every_sampler_is_here() -> None:
    assert {*QUICK, *OF_CODES} == set(PARTS)


@pytest.mark.parametrize("name", PARTS)
def test_it_is_drawn_from_saved_and_loaded_with_the_model(name: str, tmp_path: Any) -> None:
    model = made_for(name)
    before = model.sample(6, seed=2) if model.prior is not None else np.zeros((6, 5))
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
    if model.prior is not None:
        np.testing.assert_array_equal(model.sample(6, seed=2), before)


@pytest.mark.parametrize("name", PARTS)
def test_a_draw_does_not_depend_on_the_others_of_its_batch(name: str) -> None:
    model = made_for(name)
    fitted(name, model)
    whole = model.sample(37, seed=5)
    np.testing.assert_allclose(model.sample(37, seed=5, batch_size=8), whole, rtol=1e-4, atol=1e-5)
    distinct = len(np.unique(whole.round(5), axis=0))  # no tail is filled with copies
    assert distinct == 37 if name in QUICK else distinct > 30


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


@pytest.mark.parametrize("name", QUICK)
def test_codes_of_a_codebook_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"codes of numbers.*VectorQuantizer"):
        fitted(name, discrete())


@pytest.mark.parametrize("name", OF_CODES)
def test_codes_without_numbers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"is of the numbers of codes. Received: Gaussian"):
        fitted(name, make())


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


def test_a_model_with_a_sampler_goes_on_training_and_tells_that_it_is_old() -> None:
    model = make()
    model.compile("adam")
    model.fit(X, epochs=1, verbose=0)
    fitted("gaussian_mixture", model)
    history = model.fit(X, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    with pytest.warns(UserWarning, match=r"trained for 16 steps since its GaussianMixture"):
        model.sample(2)


def test_a_sampler_may_be_fitted_again_and_taken_out_and_put_back(tmp_path: Any) -> None:
    model = make()
    from_prior = model.sample(4, seed=0)
    sampler = samplers.GaussianMixture(2)
    for rows in (X, X[:50], X[50:]):
        assert sampler.fit(model, rows) is sampler
        drawn = model.sample(4, seed=0)
    count = len(model.variables)
    model.use_sampler(None)
    np.testing.assert_array_equal(model.sample(4, seed=0), from_prior)
    model.use_sampler(sampler)
    assert len(model.variables) == count
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.sample(4, seed=0), drawn)


def test_one_object_fitted_to_two_models_serves_each() -> None:
    first, second = make(), make()
    sampler = samplers.GaussianMixture(2).fit(first, X)
    drawn = first.sample(4, seed=0)
    assert sampler.fit(second, X[:50]) is second.sampler
    np.testing.assert_array_equal(first.sample(4, seed=0), drawn)


def test_what_was_not_fitted_to_such_codes_is_refused() -> None:
    model = make()
    with pytest.raises(ValueError, match=r"must be fitted before.*a new GaussianMixture"):
        model.use_sampler(samplers.GaussianMixture())
    with pytest.raises(TypeError, match=r"`sampler` must be one of.*'gaussian_mixture'"):
        model.use_sampler("gaussian_mixture")
    other = keras_ae.create("vae", input_shape=(5,), latent_dim=3, hidden=[8])
    sampler = samplers.GaussianMixture(2).fit(other, X)
    with pytest.raises(
        ValueError, match=r"codes, \(2,\)\. Received: GaussianMixture of codes \(3,\)"
    ):
        model.use_sampler(sampler)
    assert model.sampler is None
    fitted("aggregated_posterior", model)
    for copy in map(keras.models.clone_model, (other, model)):
        with pytest.raises(ValueError, match="must be fitted before"):
            copy.sample(2, temperature=0.5)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS[:, None], r"shape \(240, 1\)"),
        (3, r"shape \(\)"),
        (LABELS[:9], r"shape \(9,\)"),
        ([None, *LABELS[1:]], "missing ones"),
        (np.where(X[:, 0] > 0, np.nan, 1.0), "missing ones"),
        ([1, *LABELS[1:]], "a number and str"),
    ],
)
def test_labels_are_one_a_row_and_of_one_kind(labels: Any, message: str) -> None:
    for sampler in (samplers.ClassMixtures(1), samplers.GaussianMixture(1)):
        with pytest.raises(ValueError, match=message):
            sampler.fit(make(), X, labels=labels)


def test_other_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="`seed` must be a whole number"):
        samplers.GaussianMixture().fit(make(), X, seed=1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`model` must be a keras_ae model"):
        samplers.GaussianMixture().fit("vae", X)


def test_a_temperature_that_would_do_nothing_is_refused() -> None:
    model = make()
    fitted("riemannian_hmc", model)
    with pytest.raises(ValueError, match=r"a temperature needs.*temperature=0.5.*RiemannianHMC"):
        model.sample(2, temperature=0.5)
    fitted("gaussian_mixture", model)
    assert model.sample(2, temperature=0.5).shape == (2, 5)


@pytest.mark.parametrize("name", [None, "gaussian_mixture"])
def test_the_first_examples_do_not_depend_on_how_many_follow(name: str | None) -> None:
    model = make()
    if name is not None:
        fitted(name, model)
    many = model.sample(600, seed=3)
    for few in (1, 7, 300):
        np.testing.assert_allclose(model.sample(few, seed=3), many[:few], rtol=1e-5, atol=1e-6)


def test_the_noise_of_a_code_is_counted_once() -> None:
    model = make()
    fitted("riemannian_hmc", model)
    model.sample(2)
    kind = type(model.sampler)
    calls = []
    original = kind.sample
    try:
        kind.sample = lambda *a, **k: calls.append(1) or original(*a, **k)
        model.prior_noise()
    finally:
        kind.sample = original
    assert not calls


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="Did you mean 'gaussian_mixture'"):
        samplers.get("gausian_mixture")
