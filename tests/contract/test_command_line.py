"""Every variant of pictures trains on real data from the command line, and leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from keras_ae.cli.main import main
from tests.contract.every import EVERY

BACKENDS = ("jax", "tensorflow", "torch")
TURN = BACKENDS.index(keras.backend.backend())
HIDDEN = ["--hidden", 16]
NAMES = [case.name for case in EVERY if case.name != "recurrent_autoencoder"]  # of series
OPTIONS: dict[str, list[Any]] = {
    "autoencoder_kl": ["--critic-hidden", 4, *HIDDEN],
    "vq_gan": ["--critic-hidden", 4, *HIDDEN],
    "vq_vae_2": ["--width", 8, *HIDDEN],
    "hierarchical_vae": ["--width", 8],
    "hyperprior_autoencoder": ["--hyper-dim", 4, "--hyper-hidden", 8, *HIDDEN],
    "masked_autoencoder": ["--patch-size", 2, "--width", 8, "--depth", 1, "--decoder-width", 8],
    **{
        name: ["--latent-dim", 32]
        for name in (
            "batch_top_k_sae",
            "gated_sae",
            "jump_relu_sae",
            "k_sparse_autoencoder",
            "matryoshka_sae",
            "top_k_sae",
            "transcoder",
        )
    },
    "conditional_vae": ["--condition", "labels", *HIDDEN],
    "concrete_autoencoder": ["--steps", 20, *HIDDEN],
    "linear_autoencoder": ["--tied", "true"],
    "multimodal_vae": ["--modalities", json.dumps({"top": {"shape": 32}, "bottom": {"shape": 32}})],
    "ms_ssim_vae": ["--window-size", 5, *HIDDEN],
    "semi_supervised_vae": ["--condition", "labels", *HIDDEN],
    "vade": ["--pretrain-epochs", 1, *HIDDEN],
    "two_stage_vae": ["--second-epochs", 2, *HIDDEN],
    "vamp_vae": ["--components", 20, *HIDDEN],
}


def with_gaps(x: np.ndarray) -> np.ndarray:
    return np.where(np.random.default_rng(0).random(x.shape) < 0.3, np.nan, x)


def undirected(x: np.ndarray) -> np.ndarray:
    above = np.triu(x > 8, 1).astype("float32")
    return above + above.transpose(0, 2, 1)


# What is made of the digits, (rows, 8, 8) from 0 to 16, for variants of other data.
OF_DIGITS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ada_gvae": lambda x: x[: len(x) // 2 * 2].reshape(-1, 2, 64) / 16,
    "count_vae": lambda x: x.reshape(-1, 64),
    "graph_autoencoder": undirected,
    "missing_data_iwae": lambda x: with_gaps(x.reshape(-1, 64) / 16),
    "ml_vae": lambda x: x[: len(x) // 2 * 2].reshape(-1, 2, 64) / 16,
    "multimodal_vae": lambda x: with_gaps(x.reshape(-1, 64) / 16),
    "multinomial_vae": lambda x: x.reshape(-1, 64),
    "not_miwae": lambda x: with_gaps(x.reshape(-1, 64) / 16),
    "sequence_vae": lambda x: x / 16,
    "variational_graph_autoencoder": undirected,
    "vrnn": lambda x: x / 16,
}

pytestmark = pytest.mark.slow


# Each on one backend in rotation: the command is the same on all.
@pytest.mark.parametrize("name", NAMES[TURN :: len(BACKENDS)])
def test_a_variant_trains_on_real_data_and_is_exported(name: str, tmp_path: Path) -> None:
    run, models = tmp_path / "run", tmp_path / "saved_models"
    data: Any = "digits"
    if name in OF_DIGITS:
        data = tmp_path / "data.npy"
        np.save(data, OF_DIGITS[name](load_digits().images))
    command = ["train", name, "--data", data, "--limit", 300, "--epochs", 2]
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
    main(["score", str(run), "--limit", "20", "--to", str(scores)])
    assert np.isfinite(np.load(scores)).all()
