"""Levels of codes beside one: `python -m benchmarks.reproduce.hierarchies`."""

from __future__ import annotations

import argparse
import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Run, main

LIKELIHOOD = {"name": "discretized_logistic_mixture", "components": 5}
DATA = {"mnist": "digits", "cifar10": "photographs"}
WIDTH, LATENT, WIDEST = 24, 32, 128


def images(name: str, rows: int | None, test_rows: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return training and test images of bytes / 255, `(rows, height, width, channels)`."""
    from keras_ae import datasets

    found = datasets.load(name)
    return found.x_train[: rows or 10_000], found.x_test[: test_rows or 2_000]


def parameters(model: Any) -> int:
    """Return how many numbers are trained."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def of_levels(shape: tuple[int, ...]) -> Any:
    """Return a model of five levels at three resolutions."""
    import keras_ae

    return keras_ae.create(
        "hierarchical_vae",
        input_shape=shape,
        latent_dim=8,
        blocks=[1, 2, 2],
        width=WIDTH,
        likelihood=LIKELIHOOD,
    )


def of_one_level(shape: tuple[int, ...], width: int, encoder: str) -> Any:
    """Return a model of one code, with networks of this width."""
    import keras_ae

    return keras_ae.create(
        "vae",
        input_shape=shape,
        latent_dim=LATENT,
        encoder=encoder,
        hidden=[width, width],
        likelihood=LIKELIHOOD,
    )


def as_large(shape: tuple[int, ...], encoder: str, wanted: int) -> Any:
    """Return the model of one code whose number of parameters comes nearest to the one wanted."""
    low, high = 1, WIDEST
    while high - low > 1:
        middle = (low + high) // 2
        is_smaller = parameters(of_one_level(shape, middle, encoder)) <= wanted
        low, high = (middle, high) if is_smaller else (low, middle)
    both = [of_one_level(shape, width, encoder) for width in (low, high)]
    return min(both, key=lambda model: abs(parameters(model) - wanted))


def measure(run: Run, options: argparse.Namespace, name: str, kind: str) -> None:
    """Train a model, and bound the bits of test images."""
    import keras

    from keras_ae.optimizers import SkipSteps

    x_train, x_test = images(name, options.rows, options.test_rows)
    shape = x_train.shape[1:]
    model = of_levels(shape)
    if kind != "levels":
        wanted = parameters(model)
        keras.utils.set_random_seed(run.seed)
        model = as_large(shape, kind, wanted)
    adam = keras.optimizers.Adam(options.learning_rate)
    model.compile(SkipSteps(adam, threshold=options.longest))
    run.fit(model, x_train, options)
    run.figures["parameters"] = float(parameters(model))
    run.figures["skipped"] = float(model.optimizer.skipped)
    with run.timed("bounds"):
        run.figures["bits"] = float(model.bits_per_dim(x_test, options.samples).mean())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is said of the steps and the bound."""
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="of Adam")
    parser.add_argument("--longest", type=float, default=1e6, help="gradient that is a step")
    parser.add_argument("--samples", type=int, default=10, help="of the bound")


def cases() -> Iterator[Case]:
    """Yield a row for each kind of model and of images."""
    kinds = {
        "levels": "`hierarchical_vae`, five levels",
        "conv": "`vae`, one code, strided convolutions",
        "resnet": "`vae`, one code, residual blocks",
    }
    for name, what in DATA.items():
        for kind, title in kinds.items():
            yield Case(
                f"{name}_{kind}",
                f"{what}: {title}",
                functools.partial(measure, name=name, kind=kind),
            )


EXPERIMENT = Experiment(
    "hierarchies",
    "Levels of codes beside one",
    "The first 10,000 training images of MNIST and of CIFAR-10 in grey and colour bytes, a mixture "
    f"of five discretised logistic distributions; levels of 8 channels at three resolutions, "
    f"networks {WIDTH} wide; one code of {LATENT} numbers, its networks as wide as makes as many "
    "parameters; Adam 1e-3, batch 64.",
    {
        "bits": "bits of each number of 2,000 test images, by a bound of 10 samples",
        "parameters": "numbers that are trained",
        "skipped": "steps of more than 1e6 nats' gradient, which were left out",
    },
    tuple(cases()),
    ("A small budget on a CPU: published hierarchies have 30 to 70 levels and train for weeks.",),
    epochs=10,
    batch_size=64,
    options=add_arguments,
)

if __name__ == "__main__":
    main(EXPERIMENT)
