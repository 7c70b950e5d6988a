"""Digits as maps of codes of a finite set: `python -m benchmarks.reproduce.quantized`."""

from __future__ import annotations

import argparse
import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Published, Run, main

SOURCE = "https://keras.io/examples/generative/vq_vae/"
CODES = 128
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "vq_vae": ("`vq_vae`", {"latent_dim": 16, "num_codes": CODES}),
    "rotation": (
        "`vq_vae`, by the rotation trick",
        {"latent_dim": 16, "num_codes": CODES, "variant": "vq_vae", "estimator": "rotation"},
    ),
    "sim_vq_vae": ("`sim_vq_vae`", {"latent_dim": 16, "num_codes": CODES}),
    "fsq_vae": ("`fsq_vae`, 8 x 4 x 4 levels", {"levels": [8, 4, 4]}),
    "lfq_vae": ("`lfq_vae`, 7 bits", {"latent_dim": 7}),
    "bsq_vae": ("`bsq_vae`, 7 bits", {"latent_dim": 7}),
    "gumbel_vq_vae": ("`gumbel_vq_vae`", {"latent_dim": 16, "num_codes": CODES}),
    "sq_vae": ("`sq_vae`", {"latent_dim": 16, "num_codes": CODES}),
    "rq_vae": (
        "`rq_vae`, two levels of 128",
        {"latent_dim": 16, "num_codes": CODES, "levels": 2},
    ),
}
"""Row -> title and options of a variant, whose name it is but where `variant` says another."""


def measure(run: Run, options: argparse.Namespace, name: str, **choices: Any) -> None:
    """Train a variant, and perhaps a prior over its codes."""
    import keras

    import keras_ae
    from benchmarks.reproduce import data

    x_train, x_test = (x.reshape(-1, 28, 28, 1) for x in data.grey(options.rows, options.test_rows))
    variance = float(np.var(x_train))
    # -log p is then what the example minimises, |x - x~|^2 / variance, summed instead of averaged.
    scale = math.sqrt(variance / 2)
    if name != "sq_vae":  # which learns its own
        choices["likelihood"] = {"name": "gaussian", "scale": scale}
    model = keras_ae.create(
        choices.pop("variant", name), input_shape=(28, 28, 1), encoder="conv", **choices
    )
    model.compile(keras.optimizers.Adam(1e-3))
    run.fit(model, x_train, options)
    if name != "sq_vae":
        constant = 784 * math.log(scale * math.sqrt(2 * math.pi))
        run.figures["train_error"] = (run.history["reconstruction"][-1] - constant) / 784
    error = np.mean((model.reconstruct(x_test) - x_test) ** 2) / variance
    run.figures["test_error"] = float(error)
    numbers = model.encode_indices(x_test)
    run.figures["perplexity"] = perplexity(numbers, model.bottleneck.sizes)
    if name in options.priors:
        add_prior(run, options, model, x_train, numbers)


def perplexity(numbers: np.ndarray, sizes: tuple[int, ...]) -> float:
    """Return exp(H) of the codes' shares, the mean over levels."""
    levels = numbers.reshape(-1, len(sizes)).T
    found = []
    for level, size in zip(levels, sizes, strict=True):
        share = np.bincount(level, minlength=size) / level.size
        found.append(math.exp(-np.sum(share * np.log(np.where(share > 0, share, 1.0)))))
    return float(np.mean(found))


def add_prior(
    run: Run, options: argparse.Namespace, model: Any, x_train: np.ndarray, numbers: np.ndarray
) -> None:
    """Fit a prior over the codes, take its nats of the test images', and draw from it."""
    from keras_ae import plots, samplers

    prior = samplers.PixelCNN(
        filters=48, depth=4, kernel_size=3, dropout=0.0, epochs=options.prior_epochs
    )
    with run.timed("prior"):
        prior.fit(model, x_train, seed=run.seed)
    run.figures["prior_nats"] = -float(prior.log_prob(numbers).mean())
    run.figures["uniform_nats"] = numbers[0].size * math.log(CODES)
    if options.picture:
        drawn = {f"{10 * i + 1} to {10 * i + 10}": model.sample(10, seed=i) for i in range(4)}
        plots.example_grid(drawn).savefig(options.picture, dpi=80)


def cases() -> Iterator[Case]:
    """Yield a row for each way to quantize."""
    for name, (title, choices) in VARIANTS.items():
        example = (Published("train_error", 0.0444, SOURCE, epochs=30),)
        yield Case(
            name,
            title,
            functools.partial(measure, name=name, **choices),
            example if name == "vq_vae" else (),
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is said of priors."""
    parser.add_argument("--priors", nargs="*", default=["vq_vae"], help="rows with a prior")
    parser.add_argument("--prior-epochs", type=int, default=10, help="passes over the codes")
    parser.add_argument("--picture", help="a PNG of digits that the prior draws")


EXPERIMENT = Experiment(
    "quantized",
    "Digits as maps of codes",
    "60,000 digits as 7 x 7 codes, strided convolutions 32-64 and back, Adam 1e-3, batch 128, "
    "every variant's own defaults otherwise; a log-likelihood that weighs errors as keras.io's "
    "VQ-VAE does. The prior is a small `pixel_cnn`.",
    {
        "train_error": "squared error over the data's variance, the mean over the last epoch",
        "test_error": "the same of the 10,000 test images, after training",
        "perplexity": "how many codes the test images use, if all were used evenly",
        "prior_nats": "-log p of a test image's codes under a prior over them, nats",
        "uniform_nats": "the same if all codes were as likely",
    },
    tuple(cases()),
    (
        "The example moves its codebook by gradients and starts it at random; ours follows by "
        "moving averages and starts at k-means' centres.",
        "`sq_vae` learns the scale of its errors.",
        "Seconds compare little: rows ran on one core beside other work.",
    ),
    epochs=30,
    batch_size=128,
    higher=("perplexity",),
    options=add_arguments,
)

if __name__ == "__main__":
    main(EXPERIMENT)
