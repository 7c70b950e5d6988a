"""Models whose batches can be divided, and what makes that impossible."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

import keras_ae
from keras_ae.objectives import Term

SHAPES = {
    "vae": (8, 8, 1),
    "vq_vae": (8, 8, 1),
    "rae_sn": (8, 8, 1),
    "recurrent_autoencoder": (5, 2),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "vae": {"encoder": "conv", "latent_dim": 2, "hidden": [4], "corruption": "gaussian_noise"},
    "vq_vae": {"encoder": "conv", "hidden": [4], "num_codes": 5},
    "rae_sn": {"encoder": "conv", "latent_dim": 2, "hidden": [4]},
    "recurrent_autoencoder": {"latent_dim": 2, "hidden": [4]},
}
# The last with a short batch.
CASES = [("vae", 32), ("vq_vae", 32), ("rae_sn", 32), ("recurrent_autoencoder", 35)]


def make(name: str = "vae", **options: Any) -> Any:
    """Return a small compiled model."""
    keras.utils.set_random_seed(3)
    model = keras_ae.create(name, input_shape=SHAPES[name], **{**OPTIONS[name], **options})
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    return model


def fit(model: Any, rows: int, shape: Any) -> Any:
    """Return the history of a short training in batches of 16."""
    x = np.random.default_rng(1).random((rows, *shape), "float32")
    weights = np.random.default_rng(2).random(rows, "float32")
    given = {"epochs": 2, "batch_size": 16, "verbose": 0, "sample_weight": weights}
    return model.fit(x, **given).history


def assert_same_training(model: Any, found: Any, whole: Any, wanted: Any) -> None:
    """Compare two trainings' histories, weights and optimizers."""
    for key, values in wanted.items():
        np.testing.assert_allclose(found[key], values, rtol=1e-5, atol=1e-5, err_msg=key)
    both = [[*m.weights, *m.optimizer.variables] for m in (model, whole)]
    for a, b in zip(*both, strict=True):
        a, b = ops.convert_to_numpy(a), ops.convert_to_numpy(b)
        # Norms: where a gradient is rounding alone, Adam moves a weight by its sign.
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
        self.count.assign(self.count + 1.0)
        return x


class Wholes(keras.layers.Layer):
    """Takes batches of 16 rows only."""

    def call(self, x: Any) -> Any:
        """Return what comes."""
        return ops.reshape(x, (16, *x.shape[1:])) if x.shape[0] else x


def with_term(term: Term) -> Any:
    """Return a model that minimises one term more."""
    model = make()
    model.objective.append(term)
    model._trackers[term.name] = keras_ae.callbacks.CompensatedMean(term.name)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    return model


def with_layer(layer: keras.layers.Layer) -> Any:
    """Return a model with a layer in its encoder."""
    x = keras.Input((8, 8, 1))
    h = keras.layers.Conv2D(4, 3, strides=2, padding="same")(x)
    return make(encoder=keras.Model(x, layer(h)), decoder="conv")


INDIVISIBLE: dict[str, Any] = {
    "term by row": lambda: with_term(Spread(name="whole")),
    "scalar term": lambda: with_term(Widest(name="whole")),
    "corruption that mixes rows": lambda: make(corruption={"name": "swap_noise", "rate": 0.001}),
    "batch normalization": lambda: with_layer(keras.layers.BatchNormalization()),
    "dropout": lambda: with_layer(keras.layers.Dropout(0.5)),
    "layer that counts": lambda: with_layer(Counted()),
}
