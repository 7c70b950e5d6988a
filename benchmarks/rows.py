"""The rows of the benchmark: data and the models that keras_ae trains on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import keras_ae
from benchmarks import stock


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the benchmark.

    Args:
        name: The row's name.
        title: What is trained, for a reader.
        shape: Shape of an example.
        rows: Number of examples.
        batch_size: Rows of a batch.
        variant: The variant's name and its arguments.
        stock: Makes the same model in plain Keras.
    """

    name: str
    title: str
    shape: tuple[int, ...]
    rows: int
    batch_size: int
    variant: tuple[str, dict[str, Any]]
    stock: Callable[[], keras.Model]

    def data(self) -> np.ndarray:
        """Return the examples, noise in [0, 1): a step's time does not depend on what it learns."""
        return np.random.default_rng(0).random((self.rows, *self.shape), dtype="float32")

    def model(self) -> Any:
        """Return keras_ae's model, compiled."""
        name, arguments = self.variant
        model = keras_ae.create(name, input_shape=self.shape, **arguments)
        model.compile(optimizer=keras.optimizers.Adam(1e-3))
        return model


VAE = {"latent_dim": 16, "likelihood": "bernoulli"}
ROWS = {
    row.name: row
    for row in (
        Row(
            "table",
            "autoencoder 21-64-32-64-21",
            (21,),
            20_000,
            32,
            ("autoencoder", {"latent_dim": 32, "hidden": [64]}),
            stock.table,
        ),
        Row(
            "linear",
            "linear autoencoder 784-64-784",
            (784,),
            60_000,
            128,
            ("linear_autoencoder", {"latent_dim": 64}),
            stock.linear,
        ),
        Row(
            "mlp_vae",
            "VAE 784-512-16",
            (784,),
            20_000,
            128,
            ("vae", {**VAE, "hidden": [512]}),
            stock.mlp_vae,
        ),
        Row(
            "conv_vae",
            "convolutional VAE 28x28",
            (28, 28, 1),
            2_560,
            128,
            ("vae", {**VAE, "encoder": "conv"}),
            stock.conv_vae,
        ),
        Row(
            "vq_vae",
            "VQ-VAE 28x28, 7x7 codes of 128",
            (28, 28, 1),
            2_560,
            128,
            ("vq_vae", {"encoder": "conv"}),
            stock.vq_vae,
        ),
        Row(
            "lstm",
            "LSTM autoencoder, 140 steps",
            (140, 1),
            1_280,
            64,
            ("recurrent_autoencoder", {"latent_dim": 16}),
            stock.lstm,
        ),
    )
}
