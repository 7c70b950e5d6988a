"""What every posterior promises: draws, densities and divergences that belong together."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.bottlenecks import (
    Binary,
    Categorical,
    FlowPosterior,
    Gaussian,
    Hamiltonian,
    Hyperbolic,
    Hyperspherical,
    Joint,
    RiemannianHamiltonian,
    TwoLevelGaussian,
)
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.priors import PARTS as PRIORS
from keras_ae.typing import Batch, Outputs

H = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
DRAWS = 8_000

# How each is made, and a prior that lives where its codes do.
POSTERIORS: dict[str, tuple[Any, Any]] = {
    "gaussian": (lambda: Gaussian(3), "standard_normal"),
    "committed": (lambda: Gaussian(3, committed_rate=2.0), "standard_normal"),
    "von_mises_fisher": (lambda: Hyperspherical(4), "hyperspherical_uniform"),
    "power_spherical": (lambda: Hyperspherical(4, "power_spherical"), "hyperspherical_uniform"),
    "hyperbolic": (lambda: Hyperbolic(2, 0.5), {"name": "wrapped_normal", "curvature": 0.5}),
    "categorical": (lambda: Categorical(2, 3), {"name": "categorical", "learned": True}),
    "binary": (lambda: Binary(3), {"name": "bernoulli", "learned": True}),
    "joint": (lambda: Joint(2, (3, 2)), {"name": "joint", "categories": (3, 2)}),
    "flow": (lambda: FlowPosterior(2, {"name": "planar", "depth": 2}, 4), "standard_normal"),
    "hamiltonian": (lambda: Hamiltonian(2), "standard_normal"),
    "riemannian": (lambda: RiemannianHamiltonian(2, (6,), 5, leapfrog_steps=1), "standard_normal"),
    "two_level": (lambda: TwoLevelGaussian(2, 2, hidden=8), "standard_normal"),
}
CLOSED = [
    "gaussian",
    "committed",
    "von_mises_fisher",
    "power_spherical",
    "categorical",
    "binary",
    "joint",
]


def prior_of(name: str, latent_shape: Any) -> Any:
    identifier = POSTERIORS[name][1]
    options = dict(identifier) if isinstance(identifier, dict) else {"name": identifier}
    prior = PRIORS[options.pop("name")](**options)
    prior.make_weights(latent_shape, (5,))
    for weight in prior.trainable_weights:
        weight.assign(np.random.default_rng(3).normal(size=weight.shape))
    return prior


def numbers(tree: Any) -> Any:
    return keras.tree.map_structure(ops.convert_to_numpy, tree)


@pytest.mark.parametrize("name", CLOSED)
def test_the_divergence_is_the_mean_log_ratio_of_draws(name: str) -> None:
    code = POSTERIORS[name][0]()
    code.build((None, 5))
    prior = prior_of(name, code.latent_shape)
    assert isinstance(code.closed_form, tuple)
    assert prior.family in code.closed_form
    outputs = code(np.repeat(H, DRAWS, axis=0), sample=True)
    ratio = numbers(code.log_prob(outputs) - prior.log_prob(outputs["latent"])).reshape(2, DRAWS)
    rates = numbers(code.kl(outputs, prior))[::DRAWS].reshape(2, -1).sum(1)
    error = ratio.std(axis=1) / np.sqrt(DRAWS)
    assert (abs(ratio.mean(axis=1) - rates) < 4.5 * error + 1e-4).all()


@pytest.mark.parametrize("name", POSTERIORS)
def test_without_sampling_a_code_is_the_same_again(name: str) -> None:
    code = POSTERIORS[name][0]()
    one, two = code(H), code(H)
    for key, value in numbers(one).items():
        np.testing.assert_array_equal(value, numbers(two[key]), err_msg=key)
    assert set(one) == {"latent", *code.reports}
    assert tuple(one["latent"].shape) == (2, *code.latent_shape)


@pytest.mark.parametrize("name", POSTERIORS)
def test_draws_report_what_codes_report(name: str) -> None:
    code = POSTERIORS[name][0]()
    drawn, again = code(H, sample=True), code(H, sample=True)
    assert set(drawn) == {"latent", *code.reports}
    assert np.isfinite(numbers(code.log_prob(drawn))).all()
    assert (numbers(drawn["latent"]) != numbers(again["latent"])).any() or name in (
        "categorical",
        "binary",
    )


@pytest.mark.parametrize("name", POSTERIORS)
def test_a_model_of_it_trains_every_weight_and_saves(name: str, tmp_path: Any) -> None:
    x = np.random.default_rng(1).normal(size=(64, 6)).astype("float32")
    make, prior = POSTERIORS[name]
    model = keras_ae.LatentModel(
        (6,),
        bottleneck=make(),
        objective=[Reconstruction(), KLDivergence()],
        prior=prior,
        hidden=[8],
    )
    model.compile(keras.optimizers.Adam(1e-2))
    before = [np.array(ops.convert_to_numpy(w)) for w in model.trainable_weights]
    history = model.fit(x, epochs=3, batch_size=16, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert (ops.convert_to_numpy(weight) != old).any(), weight.path
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    np.testing.assert_array_equal(loaded.sample(3, seed=1), model.sample(3, seed=1))


@keras.saving.register_keras_serializable("tests")
class Shifted(Gaussian):
    """A normal whose draws are moved by the mean of their rows."""

    closed_form = ()

    def refine(self, model: Any, batch: Batch, outputs: Outputs, training: bool = False) -> Outputs:
        shift = ops.mean(batch.x, axis=1, keepdims=True)
        return {**outputs, "latent": outputs["latent"] + 100.0 * shift}


def test_every_draw_is_refined_with_its_own_row_and_no_code_is() -> None:
    model = keras_ae.LatentModel(
        (5,),
        bottleneck=Shifted(2),
        objective=[Reconstruction(), KLDivergence()],
        prior="standard_normal",
        hidden=[],
    )
    x = np.repeat(np.array([[1.0], [2.0]], "f4"), 5, axis=1)
    model.bottleneck.mean_head.set_weights([np.zeros((5, 2)), np.zeros(2)])
    model.bottleneck.log_var_head.set_weights([np.zeros((5, 2)), np.full(2, np.log(4.0))])
    model.decoder.set_weights([np.zeros((2, 5)), np.zeros(5)])
    np.testing.assert_array_equal(model.encode(x), 0.0)
    assert np.all(np.abs(model.sample_posterior(x, 3, seed=0) - [[100.0], [200.0]]) < 20)
    outputs = model.autoencode(model.batch(ops.convert_to_tensor(x)), sample=True)
    assert np.all(np.abs(ops.convert_to_numpy(outputs["latent"]) - [[100.0], [200.0]]) < 20)
    # -|z / 2|^2 / 2 + |z|^2 / 2 at z near (100, 100) and (200, 200) is the rate but for some nats.
    np.testing.assert_allclose(model.elbo(x, 50), [-7_500.0, -30_000.0], rtol=0.05)
