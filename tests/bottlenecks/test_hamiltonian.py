from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae import samplers
from keras_ae.bottlenecks import Hamiltonian, dynamics
from keras_ae.distributions.leapfrog import leapfrog
from keras_ae.objectives import Reconstruction
from keras_ae.typing import Batch
from tests.bottlenecks.linear import (
    LATENT,
    MAP,
    SCALE,
    SHIFT,
    SIZE,
    X,
    assert_unbiased,
    linear_model,
    log_evidence,
    log_weights,
)
from tests.gradients import gradient

RNG = np.random.default_rng(0)
ROWS = RNG.random((32, 6)).astype("float32")
HEADS = ("mean_head", "log_var_head")


def model_of(event_shape: Any = (6,), **options: Any) -> Any:
    keras.utils.set_random_seed(2)
    given = {"latent_dim": 2, "hidden": [8], "likelihood": "bernoulli", **options}
    model = keras_ae.create("hamiltonian_vae", input_shape=event_shape, **given)
    model.compile(keras.optimizers.Adam(0.01))
    return model


def numbers(tree: Any) -> Any:
    return keras.tree.map_structure(ops.convert_to_numpy, tree)


# What it is an estimate of.


@pytest.mark.parametrize(("step", "beta"), [(0.3, 1.0), (0.1, 0.6)])
def test_the_weights_of_draws_have_the_mean_of_the_evidence(step: float, beta: float) -> None:
    assert_unbiased(linear_model(Hamiltonian(LATENT, 3, step, beta)), 20_000)


def test_the_bound_of_many_draws_is_the_evidence() -> None:
    model = linear_model(Hamiltonian(LATENT, 3, 0.1, 0.7))
    np.testing.assert_allclose(model.log_prob(X, 4_000), log_evidence(), atol=0.05)


def test_steps_that_cool_make_a_loose_bound_tighter() -> None:
    bounds = {
        beta: log_weights(linear_model(Hamiltonian(LATENT, 4, 0.2, beta), off=1.0), 1_000).mean()
        for beta in (1.0, 0.3)
    }
    # Without the cooling, energy is what it was, and so is the bound.
    without = log_weights(linear_model(Hamiltonian(LATENT, 1, 1e-4, 1.0), off=1.0), 1_000).mean()
    assert abs(bounds[1.0] - without) < 1.0
    assert without + 3.0 < bounds[0.3] < log_evidence().mean()


def test_the_slope_is_that_of_the_potential_of_what_is_observed() -> None:
    model = linear_model(Hamiltonian(LATENT))
    z, mask = RNG.normal(size=(4, LATENT)), RNG.integers(2, size=(4, SIZE))
    x = ops.convert_to_tensor(X)
    batch = Batch(x, x, mask=ops.convert_to_tensor(mask, "float32"))
    found = model.bottleneck.slope(model, batch)(ops.convert_to_tensor(z, "float32"))
    error = mask * (z @ MAP + SHIFT - X)
    np.testing.assert_allclose(numbers(found), error @ MAP.T / SCALE**2 + z, rtol=1e-4, atol=1e-5)


def test_tempering_changes_where_draws_end() -> None:
    ends = []
    for beta in (1.0, 0.5, 0.1):
        model = linear_model(Hamiltonian(LATENT, 2, 0.2, beta))
        model.bottleneck.noise.reset_evaluation(1)
        ends.append(numbers(model.bottleneck.refine(model, *drawn(model)))["latent"])
    assert np.abs(ends[0] - ends[1]).max() > 1e-2
    assert np.abs(ends[1] - ends[2]).max() > 1e-2


def drawn(model: Any, x: Any = X) -> tuple[Batch, Any]:
    batch = model.batch(x)
    return batch, model.bottleneck(model.features(batch.x, batch), sample=True)


def test_what_refines_a_draw_is_among_its_outputs() -> None:
    model = linear_model(Hamiltonian(LATENT, 2, 0.2, 0.5))
    batch, outputs = drawn(model)
    once, again = (numbers(model.bottleneck.refine(model, batch, outputs)) for _ in range(2))
    for key, value in once.items():
        np.testing.assert_array_equal(value, again[key])
    moved = numbers(outputs)["latent"] - once["latent"]
    assert np.abs(moved).min(axis=1).max() > 1e-2
    np.testing.assert_array_equal(once["start"], numbers(outputs)["latent"])


def test_the_energy_of_a_networks_steps_errs_in_the_second_order() -> None:
    decoder: Any = {"name": "mlp", "activation": "tanh"}
    model = model_of(decoder=decoder)
    rng = np.random.default_rng(6)
    for weight in model.decoder.weights:
        weight.assign(1.5 * rng.normal(size=weight.shape))
    batch = model.batch(ops.convert_to_tensor(ROWS))
    start = [ops.convert_to_tensor(rng.normal(size=(32, 2)), "float32") for _ in range(2)]

    def energy(z: Any, r: Any) -> np.ndarray:
        likelihood = model.likelihood.log_prob(model.decoder(z), batch.target)
        total = 0.5 * ops.sum(ops.square(r), axis=1) - likelihood - model.prior.log_prob(z)
        return np.asarray(numbers(total), "float64")

    errors = []
    for halvings in range(3):
        size = ops.convert_to_tensor(0.2 / 2**halvings)
        slope = model.bottleneck.slope(model, batch)
        end = leapfrog(*start, slope, size, [1.0] * (2 * 2**halvings))
        errors.append(np.sqrt(np.mean((energy(*end) - energy(*start)) ** 2)))
    assert errors[0] > 1e-2
    assert all(3.0 < coarse / fine < 6.0 for coarse, fine in itertools.pairwise(errors))


# Its gradients.


@pytest.mark.parametrize("name", ["step_odds", "beta_odds", *HEADS, "decoder"])
def test_the_losss_gradients_are_its_slopes(name: str) -> None:
    keras.utils.set_random_seed(1)
    decoder: Any = {"name": "mlp", "activation": "tanh"}
    model = model_of(decoder=decoder, leapfrog_steps=2, step_size=0.3, beta_zero=0.3)
    batch = model.batch(ops.convert_to_tensor(ROWS))
    code = model.bottleneck
    layers = {head: getattr(code, head).kernel for head in HEADS}
    layers["decoder"] = model.decoder.weights[0]
    weight = layers[name] if name in layers else getattr(code, name)

    def loss(value: Any) -> Any:
        with keras.StatelessScope(state_mapping=[(weight, value)]):
            outputs = model.autoencode(batch, sample=True)
            terms = [term.value(model, batch, outputs, False) for term in model.objective]
            return ops.mean(terms[0] + terms[1])

    start = np.array(numbers(ops.convert_to_tensor(weight)))
    found = gradient(loss, start)
    rng = np.random.default_rng(5)
    for _ in range(2):
        way = rng.normal(size=start.shape).astype("float32")
        way /= np.sqrt((way**2).sum())
        ahead, behind = (
            float(numbers(loss(ops.convert_to_tensor(start + w * way)))) for w in (2e-2, -2e-2)
        )
        wanted = (ahead - behind) / 4e-2
        assert float((found * way).sum()) == pytest.approx(wanted, rel=0.03, abs=2e-4)


def test_the_size_of_steps_and_their_heat_are_learned_within_bounds() -> None:
    model = model_of(step_size=0.3, beta_zero=0.2)
    code = model.bottleneck
    np.testing.assert_allclose(numbers(code.step), 0.3, rtol=1e-5)
    np.testing.assert_allclose(numbers(code.beta), 0.2, rtol=1e-5)
    model.fit(ROWS, epochs=2, batch_size=8, verbose=0)
    assert (np.abs(numbers(code.step) - 0.3) > 1e-4).all()
    assert abs(float(numbers(code.beta)) - 0.2) > 1e-4
    for odds, step, beta in ((1e3, 1.0, 1.0), (-1e3, 0.0, 0.01)):
        code.step_odds.assign(odds * np.ones(2))
        code.beta_odds.assign(odds)
        np.testing.assert_allclose(numbers(code.step), step)
        np.testing.assert_allclose(numbers(code.beta), beta)


def test_what_is_not_learned_stays() -> None:
    code = Hamiltonian(2, beta_zero=1, learn_step_size=False)
    code.build((None, 5))
    assert {w.path.split("/")[-2] for w in code.trainable_weights} == {"base_mean", "base_log_var"}
    np.testing.assert_allclose(numbers(code.step), 0.05, rtol=1e-5)
    assert float(numbers(code.beta)) == 1.0


# What it works with.


def test_what_encodes_and_scores_needs_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of()
    monkeypatch.setattr(dynamics, "gradient_of", None)
    codes = model.encode(ROWS)
    np.testing.assert_allclose(codes, model.posterior(ROWS)["base_mean"], rtol=1e-6)
    assert np.isfinite(model.score(ROWS)).all()
    assert model.sample(3, seed=0).shape == (3, 6)
    with pytest.raises(TypeError):
        model.sample_posterior(ROWS)


def test_draws_are_moved_wherever_they_are_asked_for() -> None:
    truth = linear_model(Hamiltonian(LATENT)).encode(X)
    model = linear_model(Hamiltonian(LATENT, 2, 0.25, 1.0), off=1.0)
    found = model.sample_posterior(X, samples=50, seed=0).mean(0)
    assert np.abs(found - truth).mean() < 0.7 * np.abs(model.encode(X) - truth).mean()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("event_shape", "options"),
    [
        ((6,), {"likelihood": "gaussian", "normalize": "standard"}),
        ((6,), {"likelihood": {"name": "calibrated_gaussian", "method": "analytic"}}),
        ((4, 4, 2), {"encoder": "conv", "hidden": [4]}),
        ((4, 2), {"encoder": "recurrent", "likelihood": "gaussian"}),
        ((6,), {"prior": {"name": "gaussian_mixture", "components": 3}}),
    ],
    ids=["normalised", "calibrated", "images", "sequences", "mixture"],
)
def test_models_of_all_kinds_train(event_shape: Any, options: Any) -> None:
    model = model_of(event_shape, leapfrog_steps=1, **options)
    x = RNG.random((16, *event_shape)).astype("float32")
    history = model.fit(x, epochs=1, batch_size=8, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(model.elbo(x[:4])).all()


def test_a_decoder_with_dropout_and_batch_statistics_trains() -> None:
    decoder = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(8),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2, seed=1),
            keras.layers.Dense(6),
        ]
    )
    model = model_of(decoder=decoder, leapfrog_steps=1)
    before = numbers(decoder.layers[1].moving_mean).copy()
    history = model.fit(ROWS, epochs=1, batch_size=8, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert (numbers(decoder.layers[1].moving_mean) != before).any()


@pytest.mark.parametrize("size", [1e2, 1e4])
def test_all_is_finite_from_wild_weights(size: float) -> None:
    model = model_of(likelihood="gaussian", step_size=0.9, beta_zero=0.02)
    rng = np.random.default_rng(0)
    for weight in (*model.decoder.weights, *model.encoder.weights):
        weight.assign(weight + size * rng.normal(size=weight.shape) / 100)
    history = model.fit(ROWS, epochs=3, batch_size=8, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(model.elbo(ROWS)).all()


def test_a_sampler_keeps_draws_since_their_density_is_not_normal() -> None:
    model = model_of()
    sampler = samplers.AggregatedPosterior().fit(model, ROWS)
    assert sampler.kept["deviations"].shape[0] == 0
    with pytest.raises(ValueError, match="needs a Gaussian posterior"):
        samplers.RiemannianHMC(steps=2).fit(model, ROWS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step_size": 0.0}, "`step_size` must be a number between 0 and 1. Received: step_size=0"),
        ({"step_size": 1.0}, "`step_size` must be a number between 0 and 1"),
        ({"step_size": "small"}, "`step_size` must be a number"),
        ({"beta_zero": 0.0}, "`beta_zero` must be a number between 0.01 and 1"),
        ({"beta_zero": 1.5}, "`beta_zero` must be a number between 0.01 and 1"),
        ({"leapfrog_steps": 0}, "`leapfrog_steps` must be"),
        ({"learn_step_size": 1}, "`learn_step_size` must be True or False"),
    ],
)
def test_impossible_options_are_refused(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Hamiltonian(2, **options)


def test_a_vampprior_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a model with a Gaussian posterior"):
        model_of(prior="vamp")


def test_a_model_without_a_prior_is_refused() -> None:
    model = keras_ae.LatentModel(
        (6,), bottleneck=Hamiltonian(2), objective=[Reconstruction()], hidden=[8]
    )
    with pytest.raises(ValueError, match="Hamiltonian needs a model with a prior"):
        model.autoencode(model.batch(ROWS), sample=True)
