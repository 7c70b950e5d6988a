"""Digits of which a hundred have a label: `python -m benchmarks.reproduce.few_labels`."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Published, Run, main

CLASSES, OF_EACH, SHARE = 10, 10, 0.1
SOURCE = "https://arxiv.org/abs/1406.5298"


def digits(seed: int, rows: int | None, test_rows: int | None) -> Any:
    """Return training images, labels that are -1 but for ten of each digit, and the test part."""
    from keras_ae import datasets

    found = datasets.load("mnist")
    x_train, y_train = found.x_train.reshape(-1, 784)[:rows], found.y_train[:rows]
    x_test, y_test = found.x_test.reshape(-1, 784)[:test_rows], found.y_test[:test_rows]
    rng = np.random.default_rng(seed)
    known = [rng.permutation(np.flatnonzero(y_train == k))[:OF_EACH] for k in range(CLASSES)]
    labels = np.full(len(x_train), -1, "int32")
    chosen = np.concatenate(known)
    labels[chosen] = y_train[chosen]
    return x_train, labels, x_test, y_test


def measure(run: Run, options: argparse.Namespace, way: str) -> None:
    """Train, and take the error on the test images, percent."""
    x, labels, x_test, y_test = digits(run.seed, options.rows, options.test_rows)
    known = labels >= 0
    if way == "labels_alone":
        found = alone(run, options, x[known], labels[known], x_test)
    elif way == "codes":
        found = on_codes(run, options, x, labels, x_test)
    else:
        if way == "m1_m2":
            first = codes_of(run, options, x)
            x, x_test = first.encode(x), first.encode(x_test)
        found = by_both(run, options, x, labels, x_test, pixels=way == "m2")
    run.figures["error"] = 100.0 * float(np.mean(found != y_test))


def alone(
    run: Run, options: argparse.Namespace, x: np.ndarray, labels: np.ndarray, x_test: np.ndarray
) -> np.ndarray:
    """Return what a network of M2's size tells the test images, of the labelled ones alone."""
    import keras

    network = keras.Sequential(
        [keras.layers.Dense(500, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(CLASSES)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(1e-3), loss)
    with run.timed("training"):
        network.fit(x, labels, epochs=200, batch_size=20, verbose=0)
    return np.asarray(network.predict(x_test, verbose=0).argmax(1))


def codes_of(run: Run, options: argparse.Namespace, x: np.ndarray) -> Any:
    """Return M1, a VAE of all images."""
    import keras

    import keras_ae

    model = keras_ae.create(
        "vae", input_shape=(784,), latent_dim=50, hidden=[500], likelihood="bernoulli"
    )
    model.compile(keras.optimizers.Adam(1e-3))
    run.fit(model, x, options)
    return model


def on_codes(
    run: Run, options: argparse.Namespace, x: np.ndarray, labels: np.ndarray, x_test: np.ndarray
) -> np.ndarray:
    """Return what a support vector machine tells the test images, of M1's labelled codes."""
    from sklearn.svm import SVC

    model = codes_of(run, options, x)
    known = labels >= 0
    machine = SVC(C=10.0).fit(model.encode(x[known]), labels[known])
    return np.asarray(machine.predict(model.encode(x_test)))


def by_both(
    run: Run,
    options: argparse.Namespace,
    x: np.ndarray,
    labels: np.ndarray,
    x_test: np.ndarray,
    pixels: bool,
) -> np.ndarray:
    """Return what M2 tells, whose labelled rows are repeated to be a tenth of all."""
    import keras

    import keras_ae

    known = np.flatnonzero(labels >= 0)
    copies = max(1, round(SHARE * len(x) / len(known)))
    rows = np.concatenate([np.arange(len(x)), np.repeat(known, copies - 1)])
    model = keras_ae.create(
        "semi_supervised_vae",
        input_shape=(x.shape[1],),
        latent_dim=50,
        hidden=[500],
        classifier_hidden=[500],
        condition={"name": "label", "categories": CLASSES},
        classification=options.classification,
        likelihood="bernoulli" if pixels else "gaussian",
        normalize=None if pixels else "standard",
    )
    model.compile(keras.optimizers.Adam(1e-3))
    run.fit(model, {"x": x[rows], "condition": labels[rows]}, options)
    return np.asarray(model.class_probabilities(x_test).argmax(1))


def cases() -> Iterator[Case]:
    """Yield the ways, each with the paper's figure."""
    told = {
        "labels_alone": ("a network of the 100 labelled images alone", 25.81, None, "NN"),
        "codes": ("a support vector machine on `vae` codes", 11.82, 0.25, "M1 + TSVM"),
        "m2": ("`semi_supervised_vae` (M2)", 11.97, 1.71, "M2"),
        "m1_m2": ("`semi_supervised_vae` on `vae` codes (M1 + M2)", 3.33, 0.14, "M1 + M2"),
    }
    for name, (title, value, spread, theirs) in told.items():
        published = Published("error", value, SOURCE, spread, note=f"table 1, {theirs}")
        yield Case(name, title, functools.partial(measure, way=name), (published,))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the weight of the classifier's loss."""
    parser.add_argument("--classification", type=float, default=1.0, help="alpha over N")


EXPERIMENT = Experiment(
    "few_labels",
    "A hundred labels",
    "MNIST, ten images of each digit with their label and all others without; 784-500-50 and back, "
    "ReLU, Adam 1e-3, batch 128. Rows with a label are repeated to be a tenth of all.",
    {"error": "wrong labels among the test images, percent"},
    tuple(cases()),
    (
        "The paper trains for thousands of epochs, its classifier's weight is 0.1, its M2 has "
        "softplus units, and its machine on M1's codes is transductive.",
        "The paper takes the best of several trainings' validation errors; these are the last "
        "epoch's.",
    ),
    epochs=20,
    batch_size=128,
    options=add_arguments,
)

if __name__ == "__main__":
    main(EXPERIMENT)
