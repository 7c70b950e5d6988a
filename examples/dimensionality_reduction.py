"""Autoencoders and PCA: a linear one finds PCA's subspace, a deep one beats it.

python examples/dimensionality_reduction.py --data mnist
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import keras
import numpy as np
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

import keras_ae
from keras_ae import datasets
from keras_ae.reports import pca_baseline, reconstruction_errors


def linear(x: np.ndarray, code: int, epochs: int, batch: int) -> keras_ae.LatentModel:
    """Return a linear autoencoder trained until it stands still."""
    keras.utils.set_random_seed(0)
    model = keras_ae.create("linear_autoencoder", input_shape=x.shape[1:], latent_dim=code)
    steps = epochs * -(-len(x) // batch)
    rate = keras.optimizers.schedules.CosineDecay(1e-2, steps)
    model.compile(optimizer=keras.optimizers.Adam(rate))
    model.fit(x, epochs=epochs, batch_size=batch, verbose=0)
    return model


def deep(x: np.ndarray, code: int, epochs: int) -> keras_ae.LatentModel:
    """Return an autoencoder with hidden layers."""
    keras.utils.set_random_seed(0)
    model = keras_ae.create(
        "autoencoder",
        input_shape=x.shape[1:],
        latent_dim=code,
        hidden=[256, 128],
        likelihood="bernoulli",
    )
    steps = epochs * -(-len(x) // 128)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(optimizer=keras.optimizers.Adam(rate))
    model.fit(x, epochs=epochs, batch_size=128, verbose=0)
    return model


def angle_to_pca(epochs: int) -> float:
    """Return the largest principal angle between both subspaces, in degrees.

    The data have five directions of large variance and ten of small: a clear eigenvalue gap.
    """
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(15, 15)))[0]
    scales = np.r_[[3.0, 2.5, 2.0, 1.8, 1.5], np.full(10, 0.3)]
    x = ((rng.normal(size=(2000, 15)) * scales) @ directions.T).astype("float32")
    model = linear(x, 5, epochs, 200)
    kernel = np.array(model.decoder.get_weights()[0])  # (code, numbers): what a code can reach
    principal = PCA(5).fit(x).components_
    return float(np.rad2deg(subspace_angles(kernel.T, principal.T).max()))


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Print the errors of all three at one code size, and the angle between the subspaces."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist", help="for the deep autoencoder")
    parser.add_argument("--rows", type=int, help="use the first rows only")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--latent-dim", type=int, default=16)
    options = parser.parse_args(arguments)
    code = options.latent_dim

    digits = datasets.load("digits")
    x, test = (a.reshape(len(a), -1) for a in (digits.x_train, digits.x_test))
    pca = pca_baseline(x, x, code)[0]["mse"]
    model = linear(x, code, 300, 128)
    mse = reconstruction_errors(x, model.reconstruct(x))["mse"]
    print(f"digits, {code} numbers: PCA {pca:.6f}, linear autoencoder {mse:.6f} (training rows)")
    unseen = reconstruction_errors(test, model.reconstruct(test))["mse"]
    pca_unseen = pca_baseline(x, test, code)[0]["mse"]
    print(f"        rows not seen: PCA {pca_unseen:.6f}, linear autoencoder {unseen:.6f}")
    angle = angle_to_pca(150)
    print(f"data with an eigenvalue gap: the two subspaces are {angle:.3f} degrees apart")

    data = datasets.load(options.data, limit=options.rows)
    deep_pca = pca_baseline(data.x_train, data.x_test, code)[0]["mse"]
    model = deep(data.x_train, code, options.epochs)
    deep_mse = reconstruction_errors(data.x_test, model.reconstruct(data.x_test))["mse"]
    print(f"{data.name}, {code} numbers, test rows: PCA {deep_pca:.5f}, deep {deep_mse:.5f}")
    return {
        "linear_over_pca": mse / pca,
        "angle": angle,
        "deep_over_pca": deep_mse / deep_pca,
    }


if __name__ == "__main__":
    main()
