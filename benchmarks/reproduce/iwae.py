"""The one-layer network of the IWAE paper: `python -m benchmarks.reproduce.iwae`."""

from __future__ import annotations

import argparse
import functools
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Published, Run, main
from benchmarks.reproduce.schedules import steps

SOURCE = "https://arxiv.org/abs/1509.00519"
LATENT_DIM, HIDDEN = 50, [200, 200]
PAPER_STAGES, PAPER_BATCH = 8, 20


def measure(run: Run, options: argparse.Namespace, samples: int) -> None:
    """Train with so many samples, 1 being the VAE; bound log p(x) of test images with many more."""
    import keras_ae
    from benchmarks.reproduce import data

    if options.binarization == "fixed":
        pixels, x_test = data.fixed(options.rows, options.test_rows)
        x_train: Any = pixels
    else:
        pixels, x_test = data.grey(options.rows, options.test_rows)
        x_train = data.Redrawn(pixels, batch_size=options.batch_size, seed=run.seed)
        x_test = data.drawn(x_test, 0)  # the same for every model
    own = {} if samples == 1 else {"samples": samples, "gradient": options.gradient}
    model = keras_ae.create(
        "vae" if samples == 1 else "iwae",
        input_shape=(data.PIXELS,),
        latent_dim=LATENT_DIM,
        encoder={"name": "mlp", "hidden": HIDDEN, "activation": "tanh"},
        likelihood="bernoulli",
        **own,
    )
    start_at_means(model, pixels)
    model.compile(optimizer(options, -(-len(pixels) // options.batch_size)))
    # What redraws its pixels is in batches already.
    size = None if isinstance(x_train, data.Redrawn) else options.batch_size
    run.fit(model, x_train, options, batch_size=size)
    with run.timed("evaluation"):
        run.figures["nll"] = -float(np.mean(model.log_prob(x_test, options.samples)))


def start_at_means(model: Any, pixels: np.ndarray) -> None:
    """Set the output's bias to the logits of the pixels' means, as the authors' code does."""
    means = pixels.mean(axis=0, dtype="float64").clip(0.001, 0.999)
    model.decoder.get_layer("output").bias.assign(np.log(means / (1.0 - means)).astype("float32"))


def optimizer(options: argparse.Namespace, epoch_steps: int) -> Any:
    """Return Adam with a constant rate, or with the paper's stages."""
    import keras

    if options.schedule == "constant":
        return keras.optimizers.Adam(1e-3)
    passes = stages(options.stages)
    rates = [1e-3 * 10 ** (-i / 7) for i in range(len(passes))]
    # The authors add the gradients of a batch's rows, we take their mean: with an epsilon as much
    # smaller the steps are the same.
    epsilon = 1e-4 / options.batch_size
    rate = steps(rates, [epoch_steps * number for number in passes])
    return keras.optimizers.Adam(rate, beta_1=0.9, beta_2=0.999, epsilon=epsilon)


def stages(number: int) -> list[int]:
    """Return the passes over the data in the first stages of the paper, 3^i for i = 0, 1, ..."""
    return [3**i for i in range(number)]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the schedule, the data and the bound."""
    parser.add_argument("--schedule", choices=("constant", "paper"), default="constant")
    parser.add_argument(
        "--stages",
        type=int,
        choices=range(1, PAPER_STAGES + 1),
        default=PAPER_STAGES,
        help="of the paper's schedule: 3^i passes at 0.001 * 10^(-i/7), instead of --epochs",
    )
    parser.add_argument("--binarization", choices=("stochastic", "fixed"), default="stochastic")
    parser.add_argument("--gradient", choices=("plain", "stl", "dreg"), default="plain")
    parser.add_argument("--samples", type=int, default=5_000, help="of the bound that is reported")


def settle(options: argparse.Namespace) -> None:
    """Set what follows from the schedule."""
    if options.schedule == "paper":
        options.epochs = sum(stages(options.stages))
    else:
        options.stages = None
    default = PAPER_BATCH if options.schedule == "paper" else 128
    options.batch_size = options.batch_size or default


EXPERIMENT = Experiment(
    "iwae",
    "IWAE, one stochastic layer",
    "784-200-200-50 and back, tanh, MNIST binarised anew in each epoch. The bound on -log p(x) of "
    "the test images, binarised once, with 5,000 samples where the settings say no other number.",
    {"nll": "bound on -log p(x) of the test images, nats"},
    tuple(
        Case(
            name,
            title,
            functools.partial(measure, samples=samples),
            (Published("nll", value, SOURCE, epochs=3_280, note="table 1"),),
        )
        for name, title, samples, value in (
            ("vae", "VAE", 1, 86.76),
            ("iwae_5", "IWAE, 5 samples", 5, 85.54),
            ("iwae_50", "IWAE, 50 samples", 50, 84.78),
        )
    ),
    (
        "The VAE's divergence is in closed form; the authors take it at the draws.",
        "The output's bias starts at the logits of the pixels' means, as in the authors' code.",
        "The authors train on 59,600 of the 60,000 images, always in the same order; we shuffle "
        "all.",
        "A constant schedule is Adam's 1e-3 with its usual epsilon.",
    ),
    epochs=30,
    batch_size=None,
    order=("iwae_50", "iwae_5", "vae"),
    ordered="nll",
    options=add_options,
    settle=settle,
)

if __name__ == "__main__":
    main(EXPERIMENT)
