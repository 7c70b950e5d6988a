"""784-500-20 on fixed binarised MNIST: `python -m benchmarks.reproduce.fixed_binarized`."""

from __future__ import annotations

import argparse

from benchmarks.reproduce.common import Case, Experiment, Published, Run, main

SOURCE = "https://github.com/google/flax/blob/main/examples/vae/README.md"
FIRST = "https://github.com/google/flax/tree/291abb54cca579061dfb6e3402185b93e41dd16c/examples/vae"


def measure(run: Run, options: argparse.Namespace) -> None:
    """Train on the 50,000 training images; the test loss is the negative ELBO of one draw."""
    import keras

    import keras_ae
    from benchmarks.reproduce import data

    x_train, x_test = data.fixed(options.rows, options.test_rows)
    model = keras_ae.create(
        "vae", input_shape=(784,), latent_dim=20, hidden=[500], likelihood="bernoulli"
    )
    model.compile(keras.optimizers.Adam(1e-3))
    run.fit(model, x_train, options, validation_data=x_test)
    run.figures["test_loss"] = run.history["val_loss"][-1]


EXPERIMENT = Experiment(
    "fixed_binarized",
    "784-500-20 on fixed binarised MNIST",
    "Larochelle's 50,000 training images (those for validation are not used, here or in the "
    "source), 784-500-20 and back, ReLU, Adam 1e-3, batch 128, 30 epochs.",
    {"test_loss": "-ELBO of the 10,000 test images, one draw each, nats"},
    (
        Case(
            "vae",
            "VAE, 20 numbers",
            measure,
            (
                Published(
                    "test_loss",
                    107.05,
                    SOURCE,
                    spread=0.25,
                    note="of five trainings, by an earlier recipe: see above",
                ),
            ),
        ),
    ),
    (
        "The recipe is that of the source today, its figure older: it came with another recipe "
        f"({FIRST}), which is a row of mlp_vae.",
        "An epoch has 391 steps, the last of 80 rows; the source takes 390 whole batches from a "
        "stream that goes on.",
        "Weights start as Keras's dense layers do (Glorot), the source's as Flax's (LeCun).",
    ),
    epochs=30,
    batch_size=128,
)

if __name__ == "__main__":
    main(EXPERIMENT)
