"""Times the peers, in an environment of their own: `python benchmarks/peers.py ROW NUMBER`.

Imports nothing of keras_ae. Prints one line of JSON: seconds of an epoch, and of what comes once.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import logging
import os
import pathlib
import sys
import tempfile
import time
from typing import Any

import numpy as np

TABLE = (20_000, 21)
SCORED = 1_000_000
IMAGES = 20_000
LIKELIHOOD_SAMPLES = 5_000
DRAWS = (100, 250, 500, 1_000, 2_500, 5_000)


def table(epochs: int) -> dict[str, float]:
    """Return the times of PyOD's AutoEncoder 21-64-32-64-21 at batch 32, and of its scores.

    A usual epoch is one with its defaults: batch normalization and dropout.
    """
    from pyod.models.auto_encoder import AutoEncoder

    x = np.random.default_rng(0).random(TABLE, dtype="float32")

    def fitted(count: int, **options: Any) -> tuple[Any, float]:
        model = AutoEncoder(epoch_num=count, verbose=0, **options)
        start = time.perf_counter()
        model.fit(x)
        return model, time.perf_counter() - start

    # Without batch normalization and dropout: the arithmetic of the row and no more.
    plain = {"batch_norm": False, "dropout_rate": 0.0, "preprocessing": False}
    fitted(1, **plain)  # what a process does once
    _, one = fitted(1, **plain)
    model, several = fitted(1 + epochs, **plain)
    _, usual_one = fitted(1)
    _, usual = fitted(1 + epochs)
    many = np.random.default_rng(1).random((SCORED, TABLE[1]), dtype="float32")
    start = time.perf_counter()
    model.decision_function(many)
    scored = time.perf_counter() - start
    return {
        "epoch": (several - one) / epochs,
        "usual_epoch": (usual - usual_one) / epochs,
        "once": one,
        "score": scored,
    }


def mlp_vae(epochs: int) -> dict[str, float]:
    """Return the times of pythae's VAE 784-512-16 on MNIST images at batch 128."""
    from pythae.models import VAE, VAEConfig
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig

    x = images()

    def seconds(count: int, folder: str) -> float:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=count,
            per_device_train_batch_size=128,
            learning_rate=1e-3,
            no_cuda=True,
        )
        model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=16, reconstruction_loss="bce"))
        start = time.perf_counter()
        TrainingPipeline(model=model, training_config=config)(train_data=x)
        return time.perf_counter() - start

    with tempfile.TemporaryDirectory() as folder:
        seconds(1, folder)  # what a process does once
        one = seconds(1, folder)
        several = seconds(1 + epochs, folder)
    return {"epoch": (several - one) / epochs, "once": one}


def likelihood(rows: int) -> dict[str, float]:
    """Return seconds an image of pythae's estimate of log p(x) with 5,000 samples.

    Its own batches have 100 draws; the time is that of the batch that is fastest on a few images.
    """
    import torch
    from pythae.models import VAE, VAEConfig

    model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=16, reconstruction_loss="bce")).eval()
    x = torch.from_numpy((images()[:rows] > 0.5).astype("float32"))

    def seconds(images: Any, draws: int) -> float:
        start = time.perf_counter()
        with torch.no_grad():
            model.get_nll(images, n_samples=LIKELIHOOD_SAMPLES, batch_size=draws)
        return time.perf_counter() - start

    seconds(x[:2], DRAWS[0])  # what a process does once
    draws = min(DRAWS, key=lambda draws: seconds(x[:5], draws))
    return {"image": seconds(x, draws) / rows, "rows": rows, "draws": draws}


def images() -> np.ndarray:
    """Return MNIST images `(20000, 1, 28, 28)` in [0, 1] from the folder KERAS_AE_DATA names."""
    folder = pathlib.Path(os.environ["KERAS_AE_DATA"]) / "mnist"
    with gzip.open(next(folder.glob("train-images*.gz"))) as file:
        pixels = np.frombuffer(file.read(), "uint8", offset=16)
    return (pixels.reshape(-1, 1, 28, 28)[:IMAGES] / 255.0).astype("float32")


ROWS = {"table": table, "mlp_vae": mlp_vae, "likelihood": likelihood}

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stdout(sys.stderr):
        figures = ROWS[sys.argv[1]](int(sys.argv[2]))
    sys.stdout.write(json.dumps(figures) + "\n")
