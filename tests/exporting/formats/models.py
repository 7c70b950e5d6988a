"""Small models that between them have every signature and kind of layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np

import keras_ae
from keras_ae.exporting import parity
from keras_ae.exporting.signatures import signatures_of
from tests.exporting.own import Conditional, with_missing_entries


def vae() -> Any:
    """Return a model with a score of a divergence, and samples."""
    return keras_ae.create("vae", input_shape=(6,), latent_dim=3, corruption="gaussian_noise")


def images() -> Any:
    """Return a convolutional model with a codebook."""
    return keras_ae.create(
        "vq_vae", input_shape=(6, 5, 1), latent_dim=3, num_codes=8, hidden=[4], encoder="conv"
    )


def series() -> Any:
    """Return a model of LSTM layers."""
    return keras_ae.create("recurrent_autoencoder", input_shape=(5, 2), latent_dim=3, hidden=[4])


def missing() -> Any:
    """Return a model of scaled data with missing entries."""
    model = with_missing_entries()
    model.adapt(np.random.default_rng(0).normal(3.0, 2.0, (20, 5)).astype("float32"))
    return model


def conditional() -> Any:
    """Return a model with two inputs."""
    return Conditional((4,))


def labelled() -> Any:
    """Return a model that is told labels, with a prior of each."""
    kinds = {"name": "label", "categories": 3}
    return keras_ae.create(
        "conditional_vae", input_shape=(4,), latent_dim=2, hidden=[3], condition=kinds
    )


MODELS: dict[str, Callable[[], Any]] = {
    "vae": vae,
    "images": images,
    "series": series,
    "missing": missing,
    "conditional": conditional,
    "labelled": labelled,
}


def differences(kind: ModuleType, model: Any, folder: Path) -> dict[str, float]:
    """Write a model in a format, load it, and return how far each signature is."""
    signatures = signatures_of(model)
    made = parity.probe(model, signatures, seed=2)
    kind.write(model, signatures, folder)
    return parity.measure(kind.load(folder, signatures), signatures, made)


def of_backend(name: str) -> bool:
    """Return whether this process runs a backend."""
    return bool(keras.backend.backend() == name)
