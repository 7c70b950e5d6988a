"""Anomalies: leave one kind of digit out of training, and see whether it scores as an anomaly.

python examples/anomaly_detection.py --data mnist
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import keras
import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

import keras_ae
from keras_ae import datasets


def autoencoder_scores(train: np.ndarray, test: np.ndarray, epochs: int, code: int) -> np.ndarray:
    """Return the anomaly scores of an autoencoder trained on normal rows."""
    keras.utils.set_random_seed(0)
    model = keras_ae.create(
        "autoencoder",
        input_shape=train.shape[1:],
        latent_dim=code,
        hidden=[256, 128],
    )
    model.compile(optimizer="adam")
    model.fit(train, epochs=epochs, batch_size=128, verbose=0)
    return model.score(test)


def pca_scores(train: np.ndarray, test: np.ndarray, code: int) -> np.ndarray:
    """Return PCA's residual, the squared distance to the subspace of the normal rows."""
    pca = PCA(code, random_state=0).fit(train)
    return ((test - pca.inverse_transform(pca.transform(test))) ** 2).sum(axis=1)


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Print the AUROC of each digit left out; return both means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--rows", type=int, help="use the first rows only")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--latent-dim", type=int, default=16)
    parser.add_argument("--kinds", type=int, default=10, help="how many kinds to leave out in turn")
    options = parser.parse_args(arguments)

    data = datasets.load(options.data, limit=options.rows)
    x_train, x_test = (a.reshape(len(a), -1) for a in (data.x_train, data.x_test))
    print(f"{data.name}: AUROC of the digit left out among all test digits")
    print("digit  autoencoder      PCA")
    found = []
    for kind in range(options.kinds):
        normal = x_train[data.y_train != kind]
        is_anomaly = data.y_test == kind
        scores = (
            autoencoder_scores(normal, x_test, options.epochs, options.latent_dim),
            pca_scores(normal, x_test, options.latent_dim),
        )
        found.append([roc_auc_score(is_anomaly, score) for score in scores])
        print(f"{kind:5}  {found[-1][0]:11.4f}  {found[-1][1]:7.4f}", flush=True)
    ours, pca = np.mean(found, axis=0)
    print(f" mean  {ours:11.4f}  {pca:7.4f}")
    return {"autoencoder": float(ours), "PCA": float(pca)}


if __name__ == "__main__":
    main()
