"""The figures of merit of a trained model, beside what PCA and the raw data reach."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae import datasets
from keras_ae.cli.conditions import examples, taken
from keras_ae.cli.settings import Settings
from keras_ae.reports import pca_baseline, probe_accuracies, probe_rows, reconstruction_errors

MEASURED_ROWS = 10_000
SEED = 0


def figures_of_merit(
    model: Any, data: datasets.Dataset, parts: dict[str, Any], settings: Settings
) -> dict[str, Any]:
    """Return losses and errors of each part, PCA's error, and linear probes where labels are."""
    metrics: dict[str, Any] = {}
    for name, rows in parts.items():
        some = taken(rows, slice(MEASURED_ROWS))
        metrics[name] = measured(model, some, settings.batch_size)
    if not settings.held_out:
        metrics["validation"]["rows_from"] = "test (nothing was held out)"
    metrics["weights"] = {
        term.name: float(ops.convert_to_numpy(term.multiplier_at(model.step)))
        for term in model.objective
    }
    size = int(np.prod(model.latent_shape))
    metrics["pca"], *codes = pca_baseline(examples(parts["train"]), examples(parts["test"]), size)
    if settings.held_out:  # the probe sees the rows that were held out as well
        codes = []
    if probe := _probes(model, data, codes):
        metrics["linear_probe"] = probe
    metrics["data"] = {"name": data.name, "origin": data.origin, "note": data.note}
    metrics["evaluation"] = {"samples": 1, "seed": SEED, "at_most_rows": MEASURED_ROWS}
    metrics["backend"] = keras.backend.backend()
    metrics["versions"] = {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("keras", "keras-ae", "numpy")},
    }
    return metrics


def measured(
    model: Any, rows: Any, batch_size: int, samples: int = 1, seed: int = SEED
) -> dict[str, Any]:
    """Return the loss and its terms, codes drawn, and the errors in data units."""
    losses = model.evaluate(
        rows, batch_size=batch_size, samples=samples, seed=seed, verbose=0, return_dict=True
    )
    x = examples(rows)
    errors = reconstruction_errors(x, model.reconstruct(rows))
    return {**{k: float(v) for k, v in losses.items()}, **errors, "rows": len(x)}


def _probes(model: Any, data: datasets.Dataset, codes_of_pca: list[Any]) -> dict[str, float]:
    """Return the accuracies of a linear classifier, or nothing where there are no classes.

    A model that is told the labels has none: its codes are made with them.
    """
    if data.y_train is None or data.y_test is None or model.condition is not None:
        return {}
    rows = probe_rows(len(data.x_train))
    labels = data.y_train[rows]
    if not _is_classes(labels):
        return {}
    train, test = data.x_train[rows], data.x_test
    size = int(np.prod(model.latent_shape))
    of_train, of_test = codes_of_pca or pca_baseline(data.x_train, test, size)[1:]
    features = {
        "codes": (model.encode(train), model.encode(test)),
        "pca": (of_train[rows], of_test),
        "raw": (train, test),
    }
    return probe_accuracies(features, labels, data.y_test)


def _is_classes(labels: np.ndarray) -> bool:
    """Return whether labels are classes of at least two examples, and not measurements."""
    kinds, counts = np.unique(labels, return_counts=True)
    return 2 <= len(kinds) <= min(100, len(labels) // 2) and counts.min() >= 2
