from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.bottlenecks import Hamiltonian, RiemannianHamiltonian
from keras_ae.datasets import named
from keras_ae.distributions.kernel_metric import bounded_factors
from keras_ae.distributions.leapfrog import generalised_leapfrog
from tests.bottlenecks.linear import LATENT, SIZE, X, assert_unbiased, linear_model
from tests.jacobians import jacobian
from tests.real_data import needs

RNG = np.random.default_rng(0)
ROWS = RNG.random((32, 6)).astype("float32")


def model_of(event_shape: Any = (6,), **options: Any) -> Any:
    keras.utils.set_random_seed(2)
    given = {"latent_dim": 2, "hidden": [8], "centres": 10, "leapfrog_steps": 1, **options}
    model = keras_ae.create("riemannian_hamiltonian_vae", input_shape=event_shape, **given)
    model.compile(keras.optimizers.Adam(0.01))
    return model


def numbers(tree: Any) -> Any:
    return keras.tree.map_structure(ops.convert_to_numpy, tree)


def linear(**options: Any) -> Any:
    keras.utils.set_random_seed(3)
    code = RiemannianHamiltonian(LATENT, (SIZE,), **{"centres": 6, **options})
    return linear_model(code)


# The metric.


def test_the_metric_is_made_of_the_kept_rows() -> None:
    model = model_of(latent_dim=3)
    model.fit(ROWS, epochs=1, verbose=0)
    z = RNG.normal(size=(4, 3)).astype("float32")
    found = numbers(model.bottleneck.metric(model).at(ops.convert_to_tensor(z)).inverse)
    rows = numbers(model.bottleneck.rows)
    centres = model.encode(rows).astype("f8")
    features = model.encoder(rows)
    factors = numbers(bounded_factors(model.bottleneck.factor_head(features))).astype("f8")
    wanted = [
        0.01 * np.eye(3)
        + sum(
            factor @ factor.T * np.exp(-((p - c) ** 2).sum() / 1.5**2)
            for c, factor in zip(centres, factors, strict=True)
        )
        for p in z
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


# What it is an estimate of.


def test_the_weights_of_draws_have_the_mean_of_the_evidence() -> None:
    assert_unbiased(linear(step_size=0.02, beta_zero=0.8), 20_000)


def test_without_centres_it_moves_as_the_flat_one() -> None:
    curved = linear(temperature=1e-4, regularization=1.0, step_size=0.2)
    flat = linear_model(Hamiltonian(LATENT, 3, 0.2))
    batch = flat.batch(X)
    outputs = flat.bottleneck(flat.features(batch.x, batch), sample=True)
    wanted, found = (
        numbers(model.bottleneck.refine(model, batch, outputs)) for model in (flat, curved)
    )
    for key in ("latent", "log_posterior"):
        np.testing.assert_allclose(found[key], wanted[key], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("step", "near"), [(0.01, 1e-3), (0.03, 0.1)])
def test_steps_keep_volume_as_well_as_is_said(step: float, near: float) -> None:
    model = model_of(latent_dim=3, centres=100, step_size=step, leapfrog_steps=3)
    rng = np.random.default_rng(5)
    code = model.bottleneck
    code.rows.assign(rng.random((100, 6)))
    for weight in (*model.encoder.weights, *model.decoder.weights, *head_weights(code)):
        weight.assign(0.3 * rng.normal(size=weight.shape))
    batch, metric = model.batch(ops.convert_to_tensor(ROWS)), code.metric(model)
    z = numbers(metric.centres)[:32] + 0.3 * rng.normal(size=(32, 3)).astype("float32")
    place = metric.at(ops.convert_to_tensor(z))
    assert np.linalg.eigvalsh(numbers(place.inverse)).max() > 500.0
    noise = ops.convert_to_tensor(rng.normal(size=(32, 3)), "float32")
    start = np.concatenate([z, numbers(place.momentum(noise))], axis=1)

    def both(whole: Any) -> Any:
        slope = code.slope(model, batch)
        moved = generalised_leapfrog(
            whole[:, :3], whole[:, 3:], slope, metric, code.step, [1.0] * 3
        )
        return ops.concatenate(moved, axis=-1)

    log_volumes = np.log(np.abs(np.linalg.det(jacobian(both, start).astype("f8"))))
    assert np.abs(log_volumes).mean() < near


def head_weights(code: Any) -> list[Any]:
    heads = (code.mean_head, code.log_var_head, code.factor_head)
    return [weight for layer in heads for weight in layer.weights]


# The rows that it keeps.


def test_rows_of_the_data_are_kept_when_training_begins(tmp_path: Any) -> None:
    x = 5.0 + 3.0 * ROWS
    model = model_of(likelihood="gaussian", normalize="standard")
    model.fit(x, epochs=1, verbose=0)
    kept = numbers(model.bottleneck.rows).copy()
    normalised = (x - x.mean(0)) / x.std(0)
    apart = np.abs(kept[:, None] - normalised).max(-1)
    assert (apart.min(axis=1) < 1e-4).all()
    assert len(np.unique(apart.argmin(axis=1))) == 10
    assert id(model.bottleneck.rows) not in map(id, model.trainable_variables)
    model.fit(x[::-1], epochs=1, verbose=0)
    np.testing.assert_array_equal(numbers(model.bottleneck.rows), kept)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numbers(loaded.bottleneck.rows), kept)
    np.testing.assert_allclose(loaded.elbo(x, seed=1), model.elbo(x, seed=1), rtol=1e-5)


def test_few_rows_are_kept_more_than_once_and_gaps_are_filled() -> None:
    x = np.where(RNG.random((4, 6)) < 0.3, np.nan, ROWS[:4])
    model = model_of(missing="mask")
    model.fit(x, epochs=1, verbose=0)
    assert np.isfinite(numbers(model.bottleneck.rows)).all()
    assert np.isfinite(model.elbo(x)).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("event_shape", "options"),
    [((4, 4, 2), {"encoder": "conv", "hidden": [4]}), ((4, 2), {"encoder": "recurrent"})],
    ids=["images", "sequences"],
)
def test_images_and_sequences_train(event_shape: Any, options: Any) -> None:
    model = model_of(event_shape, **options)
    x = RNG.random((16, *event_shape)).astype("float32")
    history = model.fit(x, epochs=1, batch_size=8, verbose=0).history
    assert np.isfinite(history["loss"]).all()


# What may be asked of it.


def test_a_training_with_large_steps_stays_finite() -> None:
    model = model_of(likelihood="bernoulli", step_size=0.9, beta_zero=0.05, leapfrog_steps=3)
    model.compile(keras.optimizers.Adam(0.1))
    history = model.fit(ROWS, epochs=20, batch_size=8, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert all(np.isfinite(numbers(w)).all() for w in model.weights)


@pytest.mark.slow
@needs("mnist")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["hamiltonian_vae", "riemannian_hamiltonian_vae"])
def test_a_training_of_digits_with_large_steps_stays_finite(name: str, seed: int) -> None:
    x = named.load("mnist").x_train[1000 * seed : 1000 * (seed + 1)]
    keras.utils.set_random_seed(seed)
    model = keras_ae.create(
        name, input_shape=x.shape[1:], latent_dim=8, hidden=[64], step_size=0.5, beta_zero=0.1
    )
    model.compile(keras.optimizers.Adam(0.03))
    history = model.fit(x, epochs=5, batch_size=50, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(model.elbo(x[:100])).all()


@pytest.mark.parametrize("dim", [1, 3])
def test_codes_of_any_length(dim: int) -> None:
    model = model_of(latent_dim=dim)
    assert np.isfinite(model.elbo(ROWS)).all()
    assert model.sample_posterior(ROWS, seed=0).shape == (1, 32, dim)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regularization": 1e-4}, "`regularization` must be at least 0.001"),
        ({"regularization": 0}, "`regularization` must be"),
        ({"temperature": 0}, "`temperature` must be"),
        ({"centres": 0}, "`centres` must be"),
    ],
)
def test_impossible_options_are_refused(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RiemannianHamiltonian(2, (6,), **options)
