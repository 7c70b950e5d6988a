"""Fixtures for every test."""

from __future__ import annotations

import os
from pathlib import Path

# Before Keras or pyplot is imported: no window is opened, and TensorFlow does not chat.
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest


@pytest.fixture
def backend() -> str:
    """The backend of this run: "jax", "tensorflow" or "torch"."""
    return str(keras.backend.backend())


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets, or a skip that says how to get it."""
    folder = os.environ.get("KERAS_AE_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs real data: set KERAS_AE_DATA to a folder with mnist/ and cifar10/")
    return Path(folder)


@pytest.fixture(autouse=True)
def _same_seed_for_every_test() -> None:
    keras.utils.set_random_seed(1234)
