"""Fixtures for every test."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import pytest


@pytest.fixture
def data_folder() -> Path:
    """The folder of real data sets, or a skip that says how to get it."""
    folder = os.environ.get("KERAS_AE_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs real data: set KERAS_AE_DATA to a folder with mnist/ and cifar10/")
    return Path(folder)


@pytest.fixture(autouse=True)
def _same_seed_for_every_test() -> None:
    keras.utils.set_random_seed(1234)
