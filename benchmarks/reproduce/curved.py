"""Codes in a ball and on a sphere beside flat ones: `python -m benchmarks.reproduce.curved`."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Published, Run, main

SPHERE = "https://arxiv.org/abs/1804.00891"
SIZES = (2, 5, 10)
# The one figure of its table that a second source repeats.
SPHERE_10 = Published("nll", 93.16, SPHERE, spread=0.31, note="table 1, binarised anew each time")


def measure(run: Run, options: argparse.Namespace, variant: str, **choices: Any) -> None:
    """Train a variant and bound log p(x) of the test images."""
    import keras

    import keras_ae
    from benchmarks.reproduce import data

    size: int | None = options.batch_size
    if options.binarization == "fixed":
        x_train, x_test = data.fixed(options.rows, options.test_rows)
    else:
        grey, x_test = data.grey(options.rows, options.test_rows)
        x_train = data.Redrawn(grey, batch_size=options.batch_size, seed=run.seed)
        x_test, size = data.drawn(x_test, 0), None
    model = keras_ae.create(
        variant, input_shape=(data.PIXELS,), hidden=[256, 128], likelihood="bernoulli", **choices
    )
    model.compile(keras.optimizers.Adam(1e-3))
    run.fit(model, x_train, options, batch_size=size)
    with run.timed("evaluation"):
        losses = model.evaluate(x_test, batch_size=1_000, verbose=0, return_dict=True)
        run.figures["test_loss"] = losses["loss"]
        run.figures["nll"] = -float(np.mean(model.log_prob(x_test, options.samples)))


def cases() -> Iterator[Case]:
    """Yield each space in each size."""
    for size in SIZES:
        flat = functools.partial(measure, variant="vae", latent_dim=size)
        yield Case(f"vae_{size}", f"flat, {size} numbers", flat)
        ball = functools.partial(measure, variant="poincare_vae", latent_dim=size, curvature=1.0)
        yield Case(f"poincare_vae_{size}", f"ball, {size} numbers", ball)
        sphere = functools.partial(
            measure,
            variant="hyperspherical_vae",
            latent_dim=size + 1,
            distribution="von_mises_fisher",
        )
        published = (SPHERE_10,) if size == 10 else ()
        title = f"sphere S^{size}, {size + 1} numbers"
        yield Case(f"hyperspherical_vae_{size}", title, sphere, published)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the data and the bound."""
    parser.add_argument("--binarization", choices=("fixed", "stochastic"), default="fixed")
    parser.add_argument("--samples", type=int, default=500, help="of the bound that is reported")


EXPERIMENT = Experiment(
    "curved",
    "Codes on curved spaces",
    "784-256-128 and back, ReLU, Adam 1e-3, batch 64: the same network with codes in flat space, "
    "in the Poincare ball of curvature -1 (wrapped normal), and on the sphere (von Mises-Fisher, "
    "one number more). The bound on -log p(x) has 500 samples where the settings say no other "
    "number.",
    {
        "nll": "bound on -log p(x) of the test images, nats",
        "test_loss": "-ELBO of the test images, one draw each, nats",
    },
    tuple(cases()),
    (
        "The sphere's paper binarises anew each time, as `--binarization stochastic` does, and "
        "trains for longer.",
        "The ball's paper (https://arxiv.org/abs/1901.06033) has other networks, 600 units and a "
        "layer of geodesic distances: its figures do not stand beside these.",
    ),
    epochs=30,
    batch_size=64,
    options=add_options,
)

if __name__ == "__main__":
    main(EXPERIMENT)
