"""Two views of a digit, each made from the other: `python -m benchmarks.reproduce.views`."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Run, main

FUSIONS = ("product", "mixture", "mixture_of_products")
HALF, CLASSES, SAMPLES = 392, 10, 100


def rows(kind: str, train: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return digits, binarised once, as two views side by side, and their labels.

    The views are the image and its label, or the upper and the lower half of the image.
    """
    from benchmarks.reproduce import data
    from keras_ae import datasets

    found = datasets.load("mnist")
    x, y = (found.x_train, found.y_train) if train else (found.x_test, found.y_test)
    images = data.drawn(x.reshape(-1, data.PIXELS), 0 if train else 1)
    if kind == "halves":
        return images, y
    return np.concatenate([images, np.eye(CLASSES, dtype="float32")[y]], axis=1), y


def measure(run: Run, options: argparse.Namespace, kind: str, fusion: str) -> None:
    """Train on whole rows; likelihoods of the test rows, and views made from the other."""
    import keras

    import keras_ae

    image = {"likelihood": "bernoulli", "hidden": [400]}
    if kind == "halves":
        views = {"upper": {**image, "shape": HALF}, "lower": {**image, "shape": HALF}}
        first = HALF
    else:
        label = {"shape": CLASSES, "likelihood": "one_hot_categorical", "hidden": [100]}
        views = {"image": {**image, "shape": 784}, "label": {**label, "scale": 50.0}}
        first = 784
    train, test = rows(kind, True)[0][: options.rows], rows(kind, False)
    x, y = test[0][: options.test_rows], test[1][: options.test_rows]
    model = keras_ae.create("multimodal_vae", latent_dim=20, modalities=views, fusion=fusion)
    model.compile(keras.optimizers.Adam(1e-3))
    run.fit(model, train, options)
    without = {"first": x.copy(), "second": x.copy()}
    without["first"][:, :first] = without["second"][:, first:] = np.nan
    with run.timed("evaluation"):
        joint = model.log_prob(x, SAMPLES)
        run.figures["joint"] = float(joint.mean())
        alone = model.log_prob(without["second"], SAMPLES)
        run.figures["second_given_first"] = float((joint - alone).mean())
        alone = model.log_prob(without["first"], SAMPLES)
        run.figures["first_given_second"] = float((joint - alone).mean())
        run.figures["coherence"] = coherence(model, without, x, y, kind, first)


def coherence(
    model: Any,
    without: dict[str, np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    kind: str,
    first: int,
) -> float:
    """Return the share of views made from the other that show its digit.

    A label must be the image's own; what is made of an image is told by the pinned classifier.
    """
    from benchmarks.reproduce.features import accuracy

    made = model.reconstruct(without["second"])[:, first:]
    if kind == "halves":
        return accuracy(np.concatenate([x[:, :first], made], axis=1), y)
    images = model.reconstruct(without["first"])[:, :first]
    return 0.5 * (float(np.mean(made.argmax(1) == y)) + accuracy(images, y))


def cases() -> Iterator[Case]:
    """Yield both kinds of views under each fusion."""
    for kind, what in (("label", "image and label"), ("halves", "upper and lower half")):
        for fusion in FUSIONS:
            chosen = functools.partial(measure, kind=kind, fusion=fusion)
            yield Case(f"{kind}_{fusion}", f"{what}, {fusion.replace('_', ' ')}", chosen)


EXPERIMENT = Experiment(
    "views",
    "Two views of a digit",
    "MNIST, binarised once: an image and its label (networks of 400 and 100, the label's "
    "log-probability times 50 in training), or the upper and the lower half of the image (400 "
    "each); a code of 20 numbers, ReLU, Adam 1e-3, batch 128. All rows are whole in training.",
    {
        "joint": "bound on log p(x_1, x_2) of the test rows, 100 samples, nats",
        "second_given_first": "the same less the bound on log p(x_1)",
        "first_given_second": "the same less the bound on log p(x_2)",
        "coherence": "share of views made from the other that show its digit, told by the pinned "
        "classifier of digits, which knows 98 of 100 test images",
    },
    tuple(cases()),
    ("Nothing is tuned; the papers' networks differ from each other.",),
    epochs=20,
    batch_size=128,
    higher=("joint", "second_given_first", "first_given_second", "coherence"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
