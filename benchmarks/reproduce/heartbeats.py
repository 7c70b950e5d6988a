"""Heartbeats, and those that are not normal: `python -m benchmarks.reproduce.heartbeats`."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Run, main

STEPS, SIZE, NORMAL = 140, 16, 1


def beats() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return normal beats to train on, `(rows, 140, 1)`, test beats, and which are not normal."""
    from benchmarks.reproduce import data

    parts = data.stored("ecg5000", "ecg5000.npz")
    train = parts["x_train"][parts["y_train"] == NORMAL]
    return train[..., None], parts["x_test"][..., None], parts["y_test"] != NORMAL


def measure(run: Run, options: argparse.Namespace, way: str) -> None:
    """Train on normal beats; errors of normal test beats, and how scores part the others."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    train, test, anomalous = beats()
    train = train[: options.rows]
    if way == "pca":
        from sklearn.decomposition import PCA

        pca = PCA(SIZE, random_state=run.seed).fit(train[..., 0])
        again = pca.inverse_transform(pca.transform(test[..., 0]))[..., None]
        scores = ((again - test) ** 2).sum((1, 2))
    else:
        again, scores = by_model(run, options, way, train, test)
    error = ((again - test) ** 2)[~anomalous].sum((1, 2)).mean()
    run.figures["squared_error"] = float(error)
    run.figures["auroc"] = float(roc_auc_score(anomalous, scores))
    run.figures["average_precision"] = float(average_precision_score(anomalous, scores))


def by_model(
    run: Run, options: argparse.Namespace, way: str, train: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return reconstructions and scores of the test beats."""
    import keras

    import keras_ae

    of_one: dict[str, Any] = {"latent_dim": SIZE}
    variant, hidden, options_of = {
        "recurrent_autoencoder": ("recurrent_autoencoder", [64], of_one),
        "convolutional": ("autoencoder", [16, 32, 32], {**of_one, "encoder": "conv"}),
        "sequence_vae": ("sequence_vae", [64], of_one),
        "vrnn": ("vrnn", [64], {"latent_dim": 2, "units": 64}),
    }[way]
    model = keras_ae.create(variant, input_shape=(STEPS, 1), hidden=hidden, **options_of)
    model.compile(keras.optimizers.Adam(1e-3, clipnorm=1.0))
    run.fit(model, train, options)
    with run.timed("evaluation"):
        return model.reconstruct(test), model.score(test)


def cases() -> Iterator[Case]:
    """Yield the models."""
    titles = {
        "recurrent_autoencoder": "`recurrent_autoencoder`",
        "convolutional": "`autoencoder`, convolutions",
        "sequence_vae": "`sequence_vae`",
        "vrnn": "`vrnn`",
        "pca": "PCA of whole beats",
    }
    for way, title in titles.items():
        yield Case(way, title, functools.partial(measure, way=way))


EXPERIMENT = Experiment(
    "heartbeats",
    "Heartbeats",
    "ECG5000: 292 normal beats of 140 steps to train on, 4,500 to test, of which 1,873 are not "
    "normal. A code of 16 numbers (`vrnn`: 2 for each step); LSTMs of 64 units, or convolutions of "
    "16, 32 and 32 filters; Adam 1e-3, batch 16.",
    {
        "squared_error": "of reconstructed normal test beats, summed over steps",
        "auroc": "area under the ROC curve of the scores, the others against the normal ones",
        "average_precision": "of the same",
    },
    tuple(cases()),
    (
        "A beat is one window; nothing is tuned.",
        "The scores of `vrnn` are of each step after the true ones before it, its reconstructions "
        "are made of codes alone, which it is not trained for.",
    ),
    epochs=100,
    batch_size=16,
    higher=("auroc", "average_precision"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
