"""Codes as features: the same linear classifier on 16 numbers of autoencoders and of PCA.

python examples/features_for_a_classifier.py --data mnist
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import keras
import numpy as np

import keras_ae
from keras_ae import datasets
from keras_ae.reports import linear_probe, pca_baseline

VARIANTS = {
    "autoencoder": {},
    "denoising_autoencoder": {"corruption": {"name": "feature_mask", "rate": 0.25}},
}


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Print and return the mean test accuracy of each kind of features."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--rows", type=int, help="use the first rows only")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--latent-dim", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)

    data = datasets.load(options.data, limit=options.rows)
    labels = data.y_train, data.y_test
    found: dict[str, list[float]] = {name: [] for name in (*VARIANTS, "PCA")}
    for seed in range(options.seeds):
        for name, choices in VARIANTS.items():
            keras.utils.set_random_seed(seed)
            model = keras_ae.create(
                name,
                input_shape=data.event_shape,
                latent_dim=options.latent_dim,
                hidden=[256, 128],
                likelihood="bernoulli",
                **choices,
            )
            model.compile(optimizer="adam")
            model.fit(data.x_train, epochs=options.epochs, batch_size=128, verbose=0)
            codes = model.encode(data.x_train), model.encode(data.x_test)
            found[name].append(linear_probe(codes[0], labels[0], codes[1], labels[1]))
        _, *codes = pca_baseline(data.x_train, data.x_test, options.latent_dim, seed)
        found["PCA"].append(linear_probe(codes[0], labels[0], codes[1], labels[1]))
    raw = linear_probe(data.x_train, labels[0], data.x_test, labels[1])

    size = int(np.prod(data.event_shape))
    print(f"{data.name}: test accuracy of a linear probe, {options.seeds} seeds")
    for name, values in found.items():
        spread = ", ".join(f"{value:.4f}" for value in values)
        print(f"{options.latent_dim:4} numbers of {name:22} {np.mean(values):.4f}   ({spread})")
    print(f"{size:4} numbers, the data themselves  {raw:.4f}")
    return {name: float(np.mean(values)) for name, values in found.items()}


if __name__ == "__main__":
    main()
