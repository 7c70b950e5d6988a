"""Gaussian, categorical and binary codes of 784-400: `python -m benchmarks.reproduce.mlp_vae`."""

from __future__ import annotations

import argparse
import functools
import math
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Published, Run, main
from benchmarks.reproduce.schedules import steps

SOURCE = "https://github.com/kampta/pytorch-distributions"
FLAX = "https://github.com/google/flax/tree/291abb54cca579061dfb6e3402185b93e41dd16c/examples/vae"
ROWS_TOGETHER = 1_000


def measure(run: Run, options: argparse.Namespace, variant: str, **choices: Any) -> None:
    """Train a variant, and measure it on the test images with both kinds of draws."""
    import keras

    import keras_ae
    from benchmarks.reproduce import data

    x_train, x_test = data.grey(options.rows, options.test_rows)
    discrete = variant != "vae"
    if discrete:
        choices["temperature"] = temperature(options.temperature)
    model = keras_ae.create(
        variant, input_shape=(784,), hidden=[400], likelihood="bernoulli", **choices
    )
    model.compile(keras.optimizers.Adam(1e-3))
    run.fit(model, x_train, options, validation_data=x_test)
    run.figures["test_loss"] = run.history["val_loss"][-1]
    if discrete:
        last = float(model.bottleneck.temperature(training=False))
        with run.timed("evaluation"):
            run.figures["relaxed_test_loss"] = relaxed_loss(model, x_test, last)
        run.figures["temperature"] = last


def temperature(chosen: str) -> Any:
    """Return a constant temperature, or the source's: every 1,000 steps it falls, faster each time.

    After step 1000 k it is multiplied by exp(-0.03 k), as long as it stays above 0.1.
    """
    if chosen != "annealed":
        return float(chosen)
    values = [1.0]
    while values[-1] > 0.1:
        values.append(max(0.1, values[-1] * math.exp(-0.03 * len(values))))
    return steps(values, [1_000] * len(values))


def relaxed_loss(model: Any, x: np.ndarray, temperature: float, seed: int = 0) -> float:
    """Return the mean of -log p(x | z) at relaxed draws z, plus the discrete divergence, nats.

    This is no bound on log p(x) of the discrete model: z is not a code that it has.
    """
    from keras import ops

    from keras_ae.distributions import relaxed_bernoulli, relaxed_categorical

    relaxed = {"bits": relaxed_bernoulli, "categories": relaxed_categorical}
    density, total = relaxed[model.bottleneck.space], 0.0
    noise = np.random.default_rng(seed)
    for start in range(0, len(x), ROWS_TOGETHER):
        rows = ops.convert_to_tensor(x[start : start + ROWS_TOGETHER])
        parameters = model.posterior(x[start : start + ROWS_TOGETHER])
        logits = ops.convert_to_tensor(parameters["logits"])
        uniform = ops.convert_to_tensor(noise.random(tuple(logits.shape), dtype="float32"))
        decoded = model.decoder(density.sample(logits, temperature, uniform))
        rate = model.bottleneck.kl({"logits": logits}, model.prior)
        distortion = -model.likelihood.log_prob(decoded, rows)
        total += float(ops.convert_to_numpy(ops.sum(rate) + ops.sum(distortion)))
    return total / len(x)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what the discrete codes have."""
    parser.add_argument(
        "--temperature", default="annealed", help="a number, or as the source has it: annealed"
    )


EXPERIMENT = Experiment(
    "mlp_vae",
    "784-400 with Gaussian, categorical and binary codes",
    "60,000 grey images, 784-400 and back, ReLU, cross-entropy, Adam 1e-3, batch 128, 10 epochs; "
    "the loss of the 10,000 test images, one draw each.",
    {
        "test_loss": "test loss, nats; of discrete codes at discrete draws, a bound on -log p(x)",
        "relaxed_test_loss": "test loss at relaxed draws, nats",
        "temperature": "temperature at the end",
    },
    (
        Case(
            "vae",
            "Gaussian, 20 numbers",
            functools.partial(measure, variant="vae", latent_dim=20),
            (
                Published("test_loss", 105.59, SOURCE, epochs=10),
                Published(
                    "test_loss",
                    107.05,
                    FLAX,
                    spread=0.25,
                    epochs=10,
                    note="its noise was drawn once, when the step was compiled",
                ),
            ),
        ),
        Case(
            "categorical_vae",
            "20 variables of 10 categories",
            functools.partial(
                measure,
                variant="categorical_vae",
                latent_dim=20,
                categories=10,
                straight_through=False,
            ),
            (Published("relaxed_test_loss", 109.19, SOURCE, epochs=10),),
        ),
        Case(
            "bernoulli_vae",
            "20 bits",
            functools.partial(measure, variant="bernoulli_vae", latent_dim=20),
            (Published("relaxed_test_loss", 125.31, SOURCE, epochs=10),),
        ),
    ),
    (
        "The source measures its discrete codes at relaxed draws, at the temperature where "
        "training ended. We do so too, and measure at discrete draws, which the source does not.",
        "Weights start as Keras's dense layers do (Glorot, zero biases), the source's as "
        "PyTorch's.",
    ),
    epochs=10,
    batch_size=128,
    options=add_options,
)

if __name__ == "__main__":
    main(EXPERIMENT)
