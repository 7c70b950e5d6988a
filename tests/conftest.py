"""Fixtures for every test."""

from __future__ import annotations

import os

# Before Keras or pyplot is imported: no window is opened, TensorFlow does not chat, and nothing
# is kept in the user's cache.
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_AE_COMPILE_CACHE", "off")

import keras
import pytest


@pytest.fixture(autouse=True)
def _same_seed_for_every_test() -> None:
    keras.utils.set_random_seed(1234)
