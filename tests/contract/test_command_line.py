"""Every variant of pictures trains on real data from the command line, and leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_ae.cli.main import main
from tests.contract.every import EVERY

BACKENDS = ("jax", "tensorflow", "torch")
TURN = BACKENDS.index(keras.backend.backend())
HIDDEN = ["--hidden", 16]
NAMES = [case.name for case in EVERY if case.name != "recurrent_autoencoder"]  # of series
OPTIONS: dict[str, list[Any]] = {
    "conditional_vae": ["--condition", "labels", *HIDDEN],
    "concrete_autoencoder": ["--steps", 20, *HIDDEN],
    "linear_autoencoder": ["--tied", "true"],
    "ms_ssim_vae": ["--window-size", 5, *HIDDEN],
    "vade": ["--pretrain-epochs", 1, *HIDDEN],
    "two_stage_vae": ["--second-epochs", 2, *HIDDEN],
    "vamp_vae": ["--components", 20, *HIDDEN],
}

pytestmark = pytest.mark.slow


# Each on one backend in rotation: the command is the same on all.
@pytest.mark.parametrize("name", NAMES[TURN :: len(BACKENDS)])
def test_a_variant_trains_on_real_data_and_is_exported(name: str, tmp_path: Path) -> None:
    run, models = tmp_path / "run", tmp_path / "saved_models"
    command = ["train", name, "--data", "digits", "--limit", 300, "--epochs", 2]
    command += [
        *OPTIONS.get(name, HIDDEN),
        "--out",
        run,
        "--export",
        name,
        "--saved-models",
        models,
    ]
    main([str(part) for part in command])
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["status"] == "finished"
    assert np.isfinite(metrics["test"]["loss"])
    assert (models / name / "1" / "saved_model.pb").is_file()
    scores = tmp_path / "scores.npy"
    main(["score", str(run), "--data", "digits", "--limit", "20", "--to", str(scores)])
    assert np.isfinite(np.load(scores)).all()
