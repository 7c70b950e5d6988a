"""What every variant that is a game promises, at once and in phases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.distributions.noise import Noise
from tests.objectives.played import (
    LATENT,
    ROWS,
    X,
    fit,
)

DENSE: dict[str, Any] = {"critic_hidden": [8]}
GAMES: dict[str, dict[str, Any]] = {
    "adversarial_autoencoder": DENSE,
    "wae_gan": DENSE,
    "factor_vae": DENSE,
    "vae_gan": DENSE,
    "bigan": {**DENSE, "pair_hidden": [7]},
    "soft_intro_vae": {},
}
FORMS = [("adversarial_autoencoder", {**DENSE, "clusters": 3}), *GAMES.items()]
IDS = ["clusters", *GAMES]

every_form = pytest.mark.parametrize(("name", "options"), FORMS, ids=IDS)
both_ways = pytest.mark.parametrize("alternate", [False, True], ids=["at_once", "in_phases"])


def game(name: str, options: dict[str, Any], **others: Any) -> Any:
    shape = {"input_shape": (X.shape[1],), "latent_dim": LATENT, "hidden": [5]}
    return keras_ae.create(name, **{**shape, **options, **others})


def values(variables: Any) -> list[np.ndarray]:
    return [np.array(ops.convert_to_numpy(v)) for v in variables]


def layers_of(model: Any, kind: type) -> list[Any]:
    return [layer for layer in model._flatten_layers() if isinstance(layer, kind)]


@every_form
def test_phases_name_terms_that_exist_and_move_every_weight(name: str, options: Any) -> None:
    model = game(name, options, alternate=True)
    terms = {term.name for term in model.objective}
    assert {name for phase in model.phases for name in phase.terms} == terms
    moved = {id(v) for phase in model.phases for v in phase.variables(model)}
    assert moved == {id(v) for v in model.trainable_variables}
    assert game(name, options).phases == ()


@every_form
@both_ways
def test_training_stays_finite_and_logs_every_term(
    name: str, options: Any, alternate: bool
) -> None:
    model = game(name, options, alternate=alternate)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    logs = model.fit(X, batch_size=4, epochs=3, verbose=0).history
    names = {term.name for term in model.objective}
    assert {"loss", *names} <= set(logs)
    assert np.isfinite(list(logs.values())).all()
    assert all(np.isfinite(value).all() for value in model.get_weights())
    assert model.predict(X).shape == X.shape


@pytest.mark.parametrize(("name", "options"), GAMES.items(), ids=GAMES)
def test_a_saved_game_in_phases_goes_on_as_if_it_had_not_stopped(
    name: str, options: Any, tmp_path: Path
) -> None:
    model = game(name, options, alternate=True)
    eager = keras.backend.backend() == "tensorflow"  # which compiles for seconds
    model.compile(optimizer=keras.optimizers.SGD(0.01, momentum=0.9), run_eagerly=eager)
    model.fit(X, batch_size=ROWS, verbose=0)
    model.save(tmp_path / "game.keras")
    loaded = keras.saving.load_model(tmp_path / "game.keras")
    np.testing.assert_allclose(loaded.predict(X), model.predict(X), rtol=1e-5, atol=1e-6)
    assert [phase.name for phase in loaded.phases] == [phase.name for phase in model.phases]
    for each in (model, loaded):
        each.fit(X, batch_size=ROWS, shuffle=False, verbose=0)
    for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@every_form
@both_ways
def test_a_step_leaves_no_noise_where_it_was(name: str, options: Any, alternate: bool) -> None:
    """A draw within layers that are held would come again in the next step."""
    model = game(name, options, alternate=alternate)
    sources = layers_of(model, Noise)
    assert sources
    before = values(source.training_seed.state for source in sources)
    fit(model, 0.01)
    for old, new in zip(
        before, values(source.training_seed.state for source in sources), strict=True
    ):
        assert (old != new).any()


@both_ways
@pytest.mark.parametrize("name", ["vae_gan", "bigan", "soft_intro_vae"])
def test_networks_may_drop_out_and_keep_statistics(name: str, alternate: bool) -> None:
    def network(inputs: int, outputs: int) -> Any:
        dense, out = keras.layers.Dense(8), keras.layers.Dense(outputs)
        between = [keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
        return keras.Sequential([keras.Input((inputs,)), dense, *between, out])

    model = keras_ae.create(
        name,
        input_shape=(X.shape[1],),
        latent_dim=LATENT,
        encoder=network(X.shape[1], 5),
        decoder=network(LATENT, X.shape[1]),
        alternate=alternate,
        **GAMES[name],
    )
    seeds = [layer.seed_generator.state for layer in layers_of(model, keras.layers.Dropout)]
    if keras.backend.backend() == "torch":  # where Keras drops out by torch's own numbers
        seeds = []
    norms = [layer.moving_mean for layer in layers_of(model, keras.layers.BatchNormalization)]
    assert len(norms) == 2
    before = values([*seeds, *norms])
    fit(model, 0.01, epochs=2)
    for old, new in zip(before, values([*seeds, *norms]), strict=True):
        assert (old != new).any()
        assert np.isfinite(new).all()
    assert np.isfinite(model.predict(X)).all()


@both_ways
@pytest.mark.parametrize("name", [name for name in GAMES if name != "factor_vae"])
def test_rows_of_no_weight_move_nobody(name: str, alternate: bool) -> None:
    model = game(name, GAMES[name], alternate=alternate)
    before = values(model.trainable_variables)
    fit(model, sample_weight=np.zeros(ROWS, "float32"))
    for variable, old in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(variable), old, err_msg=variable.path)


@both_ways
@pytest.mark.parametrize("name", GAMES)
def test_a_game_under_conditions_moves_every_weight(name: str, alternate: bool) -> None:
    condition = {"name": "label", "categories": 3}
    model = game(name, GAMES[name], alternate=alternate, condition=condition)
    before = values(model.trainable_variables)
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    model.fit({"x": X, "condition": np.arange(ROWS) % 3}, batch_size=ROWS, verbose=0)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert (ops.convert_to_numpy(variable) != old).any(), variable.path
        assert np.isfinite(ops.convert_to_numpy(variable)).all()


@pytest.mark.parametrize("variant", ["wae_gan", "adversarial_autoencoder", "factor_vae"])
def test_a_likelihoods_own_weight_is_trained_in_phases_too(variant: str) -> None:
    model = keras_ae.create(
        variant,
        input_shape=(6,),
        latent_dim=2,
        hidden=[4],
        critic_hidden=[4],
        likelihood={"name": "calibrated_gaussian", "method": "learned"},
        alternate=True,
    )
    before = [np.array(v) for v in model.likelihood.trainable_weights]
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(np.random.default_rng(0).random((16, 6), "float32"), verbose=0)
    assert before
    for old, new in zip(before, model.likelihood.trainable_weights, strict=True):
        assert abs(np.array(new) - old).max() > 1e-5


def test_a_weight_that_no_phase_moves_is_refused() -> None:
    """VAE-GAN compares features: the likelihood's own variance is nobody's."""
    with pytest.raises(ValueError, match="must move every weight"):
        keras_ae.create(
            "vae_gan",
            input_shape=(6,),
            likelihood={"name": "calibrated_gaussian", "method": "learned"},
            alternate=True,
        )
