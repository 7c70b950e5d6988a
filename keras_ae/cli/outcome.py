"""The figures of merit of a trained model, beside what PCA and the raw data reach."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

import keras
import numpy as np

from keras_ae import datasets
from keras_ae.cli.settings import Settings
from keras_ae.reports import pca_baseline, probe_accuracies, reconstruction_errors

MEASURED_ROWS = 10_000
SEED = 0


def figures_of_merit(
    model: Any, data: datasets.Dataset, parts: dict[str, np.ndarray], settings: Settings
) -> dict[str, Any]:
    """Return losses and errors of each part, PCA's error, and linear probes where labels are."""
    metrics: dict[str, Any] = {}
    for name, x in parts.items():
        metrics[name] = measured(model, x[:MEASURED_ROWS], settings.batch_size, data.is_image)
    if not settings.held_out:
        metrics["validation"]["rows_from"] = "test (nothing was held out)"
    size = int(np.prod(model.latent_shape))
    pca, *codes_of_pca = pca_baseline(parts["train"], parts["test"], size)
    metrics["pca"] = pca
    if data.y_train is not None and data.y_test is not None and _is_classes(data.y_train):
        rows = slice(MEASURED_ROWS)
        train, test = data.x_train[rows], data.x_test
        pca_features = codes_of_pca
        if len(parts["train"]) != len(data.x_train):  # validation rows were taken out
            pca_features = list(pca_baseline(data.x_train, data.x_test, size)[1:])
        metrics["linear_probe"] = probe_accuracies(
            {
                "codes": (model.encode(train), model.encode(test)),
                "pca": (pca_features[0][rows], pca_features[1]),
                "raw": (train, test),
            },
            data.y_train[rows],
            data.y_test,
        )
    metrics["data"] = {"name": data.name, "origin": data.origin, "note": data.note}
    metrics["evaluation"] = {"samples": 1, "seed": SEED, "at_most_rows": MEASURED_ROWS}
    metrics["backend"] = keras.backend.backend()
    metrics["versions"] = {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("keras", "keras-ae", "numpy")},
    }
    return metrics


def measured(model: Any, x: np.ndarray, batch_size: int, is_image: bool) -> dict[str, Any]:
    """Return the loss and its terms (codes drawn, seed 0), and the errors in data units."""
    losses = model.evaluate(x, batch_size=batch_size, seed=SEED, verbose=0, return_dict=True)
    peak = 1.0 if is_image else float(np.nanmax(x) - np.nanmin(x)) or 1.0
    errors = reconstruction_errors(x, model.reconstruct(x), peak)
    return {**{k: float(v) for k, v in losses.items()}, **errors, "rows": len(x)}


def _is_classes(labels: np.ndarray) -> bool:
    """Return whether labels are classes of at least two examples, and not measurements."""
    kinds, counts = np.unique(labels, return_counts=True)
    return 2 <= len(kinds) <= min(100, len(labels) // 2) and counts.min() >= 2
