"""Models whose codes are known."""

from __future__ import annotations

from typing import Any

import numpy as np

import keras_ae

RNG = np.random.default_rng(0)
FACTOR = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, -0.5, 0.5]])
X = (RNG.normal(size=(3_000, 3)) @ FACTOR.T + [3.0, 0.0, -2.0]).astype("float32")


def identity(name: str = "autoencoder") -> Any:
    """A model whose codes are the data, up to a small deviation for a VAE."""
    model = keras_ae.create(name, input_shape=(3,), latent_dim=3, hidden=[])
    code = model.bottleneck
    head = code.projection if name == "autoencoder" else code.mean_head
    head.set_weights([np.eye(3), np.zeros(3)])
    model.decoder.set_weights([np.eye(3), np.zeros(3)])
    if name == "vae":
        code.log_var_head.set_weights([np.zeros((3, 3)), np.full(3, np.log(0.01))])
    return model
