"""The models of the rows in plain Keras, as its users write them."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers, ops

HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


def half_squared_error(y: Any, found: Any) -> Any:
    """Return -log N(y; found, 1) of each example, nats."""
    size = math.prod(y.shape[1:])
    flat = ops.reshape(ops.square(y - found), (-1, size))
    return 0.5 * ops.sum(flat, axis=-1) + size * HALF_LOG_TWO_PI


def cross_entropy(y: Any, logits: Any) -> Any:
    """Return -log Bernoulli(y; sigmoid(logits)) of each example, nats."""
    terms = ops.softplus(logits) - y * logits
    return ops.sum(ops.reshape(terms, (-1, math.prod(y.shape[1:]))), axis=-1)


class Sampling(layers.Layer):
    """Draws the code, and adds KL(q || N(0, I)) to the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, inputs: Any) -> Any:
        """Return mean + exp(log_var / 2) * noise."""
        mean, log_var = inputs
        log_var = ops.clip(log_var, -20.0, 20.0)
        kl = 0.5 * ops.sum(ops.exp(log_var) + ops.square(mean) - 1.0 - log_var, axis=-1)
        self.add_loss(ops.mean(kl))
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * noise


class Quantizer(layers.Layer):
    """The nearest of 128 codes that follow their vectors by moving averages."""

    def __init__(self, codes: int = 128, width: int = 16) -> None:
        super().__init__()
        self.codes, self.width = codes, width
        self.seed_generator = keras.random.SeedGenerator(0)

    def build(self, shape: Any) -> None:
        """Make the averages."""
        fixed: dict[str, Any] = {"trainable": False}
        spread = keras.initializers.RandomNormal(stddev=self.width**-0.5)
        self.sums = self.add_weight(
            shape=(self.codes, self.width), initializer=spread, name="sums", **fixed
        )
        self.counts = self.add_weight(
            shape=(self.codes,), initializer="ones", name="counts", **fixed
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the codes with the gradient of the inputs."""
        table = ops.stop_gradient(self.sums / self.counts[:, None])
        points = ops.stop_gradient(ops.reshape(inputs, (-1, self.width)))
        distances = ops.sum(table**2, axis=-1) - 2.0 * ops.matmul(points, ops.transpose(table))
        nearest = ops.argmin(distances, axis=-1)
        found = ops.reshape(ops.take(table, nearest, axis=0), ops.shape(inputs))
        if training:
            self._follow(points, nearest)
        gap = ops.sum(ops.square(inputs - found), axis=(1, 2, 3))
        self.add_loss(0.25 * ops.mean(gap))
        return inputs + ops.stop_gradient(found - inputs)

    def _follow(self, points: Any, nearest: Any) -> None:
        assigned = ops.one_hot(nearest, self.codes, dtype="float32")
        counts = 0.99 * self.counts + 0.01 * ops.sum(assigned, axis=0)
        sums = 0.99 * self.sums + 0.01 * ops.matmul(ops.transpose(assigned), points)
        mean = ops.mean(counts)
        dead = counts < 0.1 * mean
        uniform = keras.random.uniform((self.codes,), seed=self.seed_generator)
        rows = ops.cast(uniform * ops.cast(ops.shape(points)[0], "float32"), "int32")
        fresh = mean * ops.take(points, rows, axis=0)
        self.counts.assign(ops.where(dead, mean, counts))
        self.sums.assign(ops.where(dead[:, None], fresh, sums))


def table() -> keras.Model:
    """Return 21-64-32-64-21."""
    return dense(21, 64, 32)


def dense(width: int, hidden: int, code: int) -> keras.Model:
    """Return width-hidden-code-hidden-width."""
    stack = [
        keras.Input((width,)),
        layers.Dense(hidden, activation="relu"),
        layers.Dense(code),
        layers.Dense(hidden, activation="relu"),
        layers.Dense(width),
    ]
    return _compiled(keras.Sequential(stack), half_squared_error)


def linear() -> keras.Model:
    """Return 784-64-784."""
    stack = [keras.Input((784,)), layers.Dense(64), layers.Dense(784)]
    return _compiled(keras.Sequential(stack), half_squared_error)


def mlp_vae() -> keras.Model:
    """Return the VAE 784-512-16-512-784."""
    x = keras.Input((784,))
    h = layers.Dense(512, activation="relu")(x)
    z = Sampling()([layers.Dense(16)(h), layers.Dense(16)(h)])
    h = layers.Dense(512, activation="relu")(z)
    return _compiled(keras.Model(x, layers.Dense(784)(h)), cross_entropy)


def conv_vae() -> keras.Model:
    """Return the VAE of two strided convolutions and their way back."""
    x = keras.Input((28, 28, 1))
    h = layers.Flatten()(_downwards(x))
    z = Sampling()([layers.Dense(16)(h), layers.Dense(16)(h)])
    h = layers.Dense(7 * 7 * 64, activation="relu")(z)
    return _compiled(keras.Model(x, _upwards(layers.Reshape((7, 7, 64))(h))), cross_entropy)


def vq_vae() -> keras.Model:
    """Return the VQ-VAE of 7 x 7 codes from a table of 128."""
    x = keras.Input((28, 28, 1))
    z = Quantizer()(layers.Dense(16)(_downwards(x)))
    return _compiled(keras.Model(x, _upwards(z)), half_squared_error)


def lstm() -> keras.Model:
    """Return the autoencoder of series of 140 steps."""
    stack = [
        keras.Input((140, 1)),
        layers.LSTM(64),
        layers.Dense(16),
        layers.RepeatVector(140),
        layers.LSTM(64, return_sequences=True),
        layers.Dense(1),
    ]
    return _compiled(keras.Sequential(stack), half_squared_error)


def _downwards(x: Any) -> Any:
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return x


def _upwards(x: Any) -> Any:
    for filters in (64, 32):
        x = layers.Conv2DTranspose(filters, 3, strides=2, padding="same", activation="relu")(x)
    return layers.Conv2D(1, 3, padding="same")(x)


def _compiled(model: keras.Model, loss: Any) -> keras.Model:
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    return model
