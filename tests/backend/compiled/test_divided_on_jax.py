from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.backend.compiled import division, on_jax
from keras_ae.backend.compiled.division import Division
from keras_ae.objectives import Term

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="is about JAX")

RNG = np.random.default_rng(0)
SHAPES = {"vae": (8, 8, 1), "vq_vae": (8, 8, 1), "recurrent_autoencoder": (5, 2)}
OPTIONS: dict[str, dict[str, Any]] = {
    "vae": {"encoder": "conv", "latent_dim": 2, "hidden": [4], "corruption": "gaussian_noise"},
    "vq_vae": {"encoder": "conv", "hidden": [4], "num_codes": 5},
    "recurrent_autoencoder": {"latent_dim": 2, "hidden": [4]},
}


@pytest.fixture(autouse=True)
def _small_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(division, "_cores", lambda: 2)
    monkeypatch.setattr(division, "PASS_ROWS", 4)
    monkeypatch.setattr(on_jax, "WORTH_DIVIDING", 0)
    monkeypatch.setattr(on_jax, "LOOPED", 0.0)


def make(name: str = "vae", **options: Any) -> Any:
    keras.utils.set_random_seed(3)
    model = keras_ae.create(name, input_shape=SHAPES[name], **{**OPTIONS[name], **options})
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    return model


def fit(model: Any, rows: int, shape: Any) -> Any:
    x = np.random.default_rng(1).random((rows, *shape), "float32")
    weights = np.random.default_rng(2).random(rows, "float32")
    given = {"epochs": 2, "batch_size": 16, "verbose": 0, "sample_weight": weights}
    return model.fit(x, **given).history


def divided(model: Any) -> Any:
    return model.__dict__["_block_steps"][1].divided[16]


def is_exact(model: Any) -> bool:
    from keras_ae.backend.compiled.divided_on_jax import Divided
    from keras_ae.backend.compiled.state_on_jax import groups

    model.optimizer.build(model.trainable_variables)
    state = tuple([variable.value for variable in group] for group in groups(model))
    x = RNG.random((16, 8, 8, 1), "float32")
    return Divided(model, Division(2, 2, 4)).is_exact(state, (x,))


@pytest.mark.parametrize(
    ("name", "rows"),
    [("vae", 32), ("vq_vae", 32), ("recurrent_autoencoder", 35)],  # the last with a short batch
)
def test_parts_train_as_the_whole_does(
    name: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(name)
    found = fit(model, rows, SHAPES[name])
    assert divided(model).division.parts == (2 if name == "recurrent_autoencoder" else 4)
    monkeypatch.setattr(on_jax.Division, "of", lambda *_: None)
    whole = make(name)
    wanted = fit(whole, rows, SHAPES[name])
    assert divided(whole) is None
    for key, values in wanted.items():
        assert found[key] == pytest.approx(values, rel=1e-5, abs=1e-5), key
    both = [[*m.weights, *m.optimizer.variables] for m in (model, whole)]
    for a, b in zip(*both, strict=True):
        a, b = ops.convert_to_numpy(a), ops.convert_to_numpy(b)
        assert np.linalg.norm(a - b) <= 1e-4 * np.linalg.norm(b) + 1e-6


class Spread(Term):
    """Of the whole batch, but by row."""

    def value(self, model: Any, batch: Any, outputs: Any, training: bool) -> Any:
        """Return each code's distance from the batch's mean."""
        code = outputs["latent"]
        return ops.sum(ops.square(code - ops.mean(code, axis=0)), axis=-1)


class Widest(Term):
    """A scalar of the whole batch."""

    def value(self, model: Any, batch: Any, outputs: Any, training: bool) -> Any:
        """Return the largest entry of a code."""
        return ops.max(outputs["latent"])


class Counted(keras.layers.Layer):
    """Counts how often it is called."""

    def build(self, shape: Any) -> None:
        """Make the count."""
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x: Any) -> Any:
        """Return what comes."""
        self.count.assign_add(1.0)
        return x


@pytest.mark.parametrize("term", [Spread, Widest])
def test_a_term_of_the_whole_batch_is_seen(term: Any) -> None:
    model = make()
    model.objective.append(term(name="whole"))
    model._trackers["whole"] = keras_ae.callbacks.CompensatedMean("whole")
    model.compile(optimizer="adam")
    assert not is_exact(model)


def test_a_corruption_that_mixes_rows_is_seen() -> None:
    assert not is_exact(make(corruption={"name": "swap_noise", "rate": 0.001}))


@pytest.mark.parametrize(
    "layer",
    [keras.layers.BatchNormalization, lambda: keras.layers.Dropout(0.5), Counted],
    ids=["batch_norm", "dropout", "counted"],
)
def test_a_layer_that_moves_or_draws_by_itself_is_seen(layer: Any) -> None:
    x = keras.Input((8, 8, 1))
    h = keras.layers.Conv2D(4, 3, strides=2, padding="same")(x)
    model = make(encoder=keras.Model(x, layer()(h)), decoder="conv")
    assert not is_exact(model)


def test_what_is_by_row_is_seen_too() -> None:
    assert is_exact(make())
