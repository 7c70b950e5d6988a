"""What a small classifier of digits sees of pictures: `python -m benchmarks.reproduce.features`.

The command trains the classifier and writes its weights into the package's folder, where they
stay: Frechet distances are comparable only between pictures that one network has seen.
"""

from __future__ import annotations

import os
import pathlib
from typing import Any

import numpy as np

WEIGHTS = pathlib.Path(__file__).with_name("digit_features.npz")
SIZE = 64
"""Numbers of a picture's features: the units of the last hidden layer."""


def network() -> Any:
    """Return the untrained classifier `(rows, 28, 28, 1)` -> (features, logits)."""
    import keras

    x = inputs = keras.Input((28, 28, 1))
    for filters in (16, 32, 32):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    x = keras.layers.Flatten()(x)
    features = keras.layers.Dense(SIZE, activation="relu", name="features")(x)
    return keras.Model(inputs, [features, keras.layers.Dense(10, name="logits")(features)])


def features(pictures: np.ndarray) -> np.ndarray:
    """Return the pinned network's features of pictures in [0, 1], `(rows, 784)` -> `(rows, 64)`."""
    return np.asarray(_pinned().predict(_shaped(pictures), batch_size=1_000, verbose=0)[0])


def accuracy(pictures: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of pictures whose label the pinned network knows."""
    logits = _pinned().predict(_shaped(pictures), batch_size=1_000, verbose=0)[1]
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def train(seed: int = 0, epochs: int = 5) -> None:
    """Train on the 60,000 training images, and pin the weights in half precision."""
    import keras

    from keras_ae import datasets

    keras.utils.set_random_seed(seed)
    found = datasets.load("mnist")
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss=[None, loss])
    model.fit(_shaped(found.x_train), [None, found.y_train], epochs=epochs, batch_size=128)
    arrays = {f"w{i}": w.astype("float16") for i, w in enumerate(model.get_weights())}
    np.savez_compressed(WEIGHTS, **arrays)


def _pinned() -> Any:
    model = network()
    with np.load(WEIGHTS, allow_pickle=False) as kept:
        model.set_weights([kept[f"w{i}"].astype("float32") for i in range(len(kept.files))])
    return model


def _shaped(pictures: np.ndarray) -> np.ndarray:
    return np.asarray(pictures, "float32").reshape(-1, 28, 28, 1)


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    from keras_ae import datasets

    train()
    test = datasets.load("mnist")
    print(f"accuracy of the test images: {accuracy(test.x_test, test.y_test):.4f}")
