"""Exports that several tests look at."""

from __future__ import annotations

from typing import Any

import pytest

import keras_ae
from keras_ae.exporting import ExportReport


@pytest.fixture(scope="session")
def model() -> Any:
    return keras_ae.create(
        "vq_vae", input_shape=(6, 5, 1), latent_dim=3, num_codes=8, hidden=[4], encoder="conv"
    )


@pytest.fixture(scope="session")
def exported(model: Any, tmp_path_factory: pytest.TempPathFactory) -> ExportReport:
    report: ExportReport = model.export(tmp_path_factory.mktemp("served") / "ae" / "1")
    return report
