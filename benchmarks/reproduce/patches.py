"""Features from what is hidden: `python -m benchmarks.reproduce.patches`."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Published, Run, main

CODE = 64
OPTIONS: dict[str, Any] = {
    "latent_dim": CODE,
    "patch_size": 4,
    "width": 96,
    "depth": 4,
    "heads": 4,
    "decoder_width": 64,
    "decoder_depth": 1,
    "visible": 0.0,
    "normalize_targets": True,
    "normalize": "standard",
}
ROWS = {
    "mae": ("`masked_autoencoder`", {}),
    "simmim": (
        '`masked_autoencoder`, form="simmim"',
        {"form": "simmim", "share": 0.6, "decoder_depth": 0},
    ),
    "untrained": ("the same encoder, untrained", {}),
    "pca": (f"PCA, {CODE} components", {}),
}
"""Row -> title and options."""


def measure(run: Run, options: argparse.Namespace, kind: str, **choices: Any) -> None:
    """Train on images without their labels, and classify codes by a linear layer."""
    import keras

    import keras_ae
    from keras_ae import datasets
    from keras_ae.reports import linear_probe, pca_baseline

    found = datasets.load("cifar10")
    x, y = found.x_train[: options.rows], found.y_train[: options.rows]
    x_test, y_test = found.x_test[: options.test_rows], found.y_test[: options.test_rows]
    if kind == "pca":
        _, train, test = pca_baseline(x, x_test, CODE, run.seed)
    else:
        model = keras_ae.create("masked_autoencoder", input_shape=x.shape[1:], **OPTIONS | choices)
        if kind == "untrained":
            model.adapt(x)
        else:
            steps = options.epochs * -(-len(x) // options.batch_size)
            rate = keras.optimizers.schedules.CosineDecay(
                0.0, steps, warmup_target=options.learning_rate, warmup_steps=steps // 10
            )
            model.compile(keras.optimizers.AdamW(rate, weight_decay=0.05, beta_2=0.95))
            run.fit(model, flipped(x, run.seed), options)
        with run.timed("codes"):
            train, test = (model.encode(part).mean(axis=1) for part in (x, x_test))
    with run.timed("probe"):
        run.figures["accuracy"] = 100.0 * linear_probe(train, y, test, y_test)


def flipped(x: np.ndarray, seed: int) -> np.ndarray:
    """Return images of which every second, at random, is seen in a mirror."""
    turned = np.random.default_rng(seed).random(len(x)) < 0.5
    return np.where(turned[:, None, None, None], x[:, :, ::-1], x)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the step size."""
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="of AdamW")


def cases() -> Iterator[Case]:
    """Yield a row for each kind of code."""
    example = Published(
        "accuracy",
        47.9,
        "https://keras.io/examples/vision/masked_image_modeling/",
        epochs=100,
        note="a larger encoder, 6 x 6 patches of 48 x 48 pixels, all 50,000 images",
    )
    for kind, (title, choices) in ROWS.items():
        yield Case(
            kind,
            title,
            functools.partial(measure, kind=kind, **choices),
            (example,) if kind == "mae" else (),
        )


EXPERIMENT = Experiment(
    "patches",
    "Features from what is hidden",
    "10,000 images of CIFAR-10 in patches of 4 x 4, without their labels; a transformer of 4 "
    "layers 96 wide, a decoder of 1 layer 64 wide, normalised targets, AdamW 1e-3 with warm-up and "
    "cosine decay, batch 128; a logistic regression on the mean of the patches' codes, 64 numbers.",
    {"accuracy": "of the 2,000 test images, percent"},
    tuple(cases()),
    ("A reduced budget: a fifth of the images and a small encoder.",),
    epochs=30,
    batch_size=128,
    higher=("accuracy",),
    options=add_arguments,
)

if __name__ == "__main__":
    main(EXPERIMENT)
