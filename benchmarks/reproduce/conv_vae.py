"""The convolutional VAE of Keras's own examples: `python -m benchmarks.reproduce.conv_vae`."""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.reproduce.common import Case, Experiment, Published, Run, main

SITE = "https://keras.io/examples/generative/vae/"
EARLIER = (
    "https://github.com/keras-team/keras-io/blob/216c5a2b6c4ef626f7acd8c69b29919ee7c5e758"
    "/examples/generative/md/vae.md"
)
LATENT_DIM = 2


def encoder() -> Any:
    """Return the network from images to 16 features; our bottleneck has z_mean and z_log_var."""
    import keras

    from keras_ae.backend.convolution import Conv2D

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            Conv2D(32, 3, activation="relu", strides=2, padding="same"),
            Conv2D(64, 3, activation="relu", strides=2, padding="same"),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu"),
        ]
    )


def decoder() -> Any:
    """Return the network from codes to logits."""
    import keras

    from keras_ae.backend.convolution import Conv2DTranspose

    return keras.Sequential(
        [
            keras.Input((LATENT_DIM,)),
            keras.layers.Dense(7 * 7 * 64, activation="relu"),
            keras.layers.Reshape((7, 7, 64)),
            Conv2DTranspose(64, 3, activation="relu", strides=2, padding="same"),
            Conv2DTranspose(32, 3, activation="relu", strides=2, padding="same"),
            Conv2DTranspose(1, 3, padding="same"),
        ]
    )


def measure(run: Run, options: argparse.Namespace) -> None:
    """Train on all digits; the figures are losses of training, as the example logs them."""
    import keras

    import keras_ae
    from benchmarks.reproduce import data

    model = keras_ae.create(
        "vae",
        input_shape=(28, 28, 1),
        latent_dim=LATENT_DIM,
        encoder=encoder(),
        decoder=decoder(),
        likelihood="bernoulli",
    )
    model.compile(keras.optimizers.Adam(1e-3))
    run.fit(model, data.all_digits(options.rows)[0], options)
    losses = run.history["loss"]
    for epoch in (10, 30):
        if len(losses) >= epoch:
            run.figures[f"loss_{epoch}"] = losses[epoch - 1]
    run.figures["loss"] = losses[-1]


EXPERIMENT = Experiment(
    "conv_vae",
    "Convolutional VAE of keras.io",
    "All 70,000 digits, pixels in [0, 1], strided convolutions 32-64-16, a code of 2 numbers, "
    "cross-entropy summed over pixels, Adam 1e-3, batch 128. Two logs of the same example were "
    "published; they are 3.5 nats apart.",
    {
        "loss_10": "training loss of epoch 10, nats",
        "loss_30": "training loss of epoch 30, nats",
        "loss": "training loss of the last epoch, nats",
    },
    (
        Case(
            "vae",
            "VAE, 2 numbers",
            measure,
            (
                Published(
                    "loss_10",
                    152.20,
                    EARLIER,
                    epochs=10,
                    note="on the progress bar; the terms add up to 152.32",
                ),
                Published("loss_10", 155.49, SITE, epochs=10),
                Published("loss_30", 146.95, EARLIER, epochs=30),
                Published("loss_30", 150.40, SITE, epochs=30),
            ),
        ),
    ),
    (
        "The decoder gives logits, of which the likelihood is computed; the example takes "
        "probabilities, which Keras clips to 1e-7.",
        "Each epoch's loss is a mean over rows; the example's is one over batches, of which the "
        "last has 112 rows.",
        "The layers are Keras's under keras_ae's gradients, which are the same and faster on JAX.",
    ),
    epochs=30,
    batch_size=128,
)

if __name__ == "__main__":
    main(EXPERIMENT)
