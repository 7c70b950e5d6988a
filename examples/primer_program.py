"""The first program of every primer: 784-64-784, squared error, Adam, batches of 128.

Written twice, as a plain PyTorch loop and as `model.fit` on whatever backend KERAS_BACKEND names.
From the same initial weights both must lose the same, epoch by epoch.

    python examples/primer_program.py --data mnist
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import keras
import numpy as np
import torch

import keras_ae
from keras_ae import datasets


def plain_loop(x: np.ndarray, weights: list[np.ndarray], epochs: int, batch: int) -> list[float]:
    """Return the mean of |x - g(f(x))|^2 / 2 over each epoch, in plain PyTorch."""
    encoder = torch.nn.Linear(x.shape[1], weights[0].shape[1])
    decoder = torch.nn.Linear(weights[0].shape[1], x.shape[1])
    with torch.no_grad():
        for layer, (kernel, bias) in zip(
            (encoder, decoder), (weights[:2], weights[2:]), strict=True
        ):
            layer.weight.copy_(torch.from_numpy(kernel.T.copy()))
            layer.bias.copy_(torch.from_numpy(bias))
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, eps=1e-7)
    losses = []
    for _ in range(epochs):
        total = 0.0
        for start in range(0, len(x), batch):
            rows = torch.from_numpy(x[start : start + batch])
            loss = 0.5 * ((rows - decoder(encoder(rows))) ** 2).sum(dim=1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / len(x))
    return losses


def with_fit(x: np.ndarray, weights: list[np.ndarray], epochs: int, batch: int) -> list[float]:
    """Return the same of `fit`."""
    model = keras_ae.create(
        "linear_autoencoder", input_shape=x.shape[1:], latent_dim=weights[0].shape[1]
    )
    model.bottleneck.set_weights(weights[:2])
    model.decoder.set_weights(weights[2:])
    model.compile(optimizer=keras.optimizers.Adam(1e-3), metrics=["mse"])
    history = model.fit(x, epochs=epochs, batch_size=batch, shuffle=False, verbose=0).history
    # The loss, -log N(x; g(f(x)), I), is half the squared error and 0.5 n log(2 pi): in float32 the
    # digits of that constant, 720, would drown what is compared here.
    return [0.5 * x.shape[1] * mse for mse in history["mse"]]


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Train both, print their losses, return the largest relative difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--rows", type=int, help="train on the first rows only")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--latent-dim", type=int, default=64)
    options = parser.parse_args(arguments)

    data = datasets.load(options.data, limit=options.rows)
    x = data.x_train.reshape(len(data.x_train), -1)
    size, code = x.shape[1], options.latent_dim
    rng = np.random.default_rng(0)
    bound = math.sqrt(6 / (size + code))
    weights = [
        rng.uniform(-bound, bound, shape).astype("float32") * (len(shape) > 1)
        for shape in ((size, code), (code,), (code, size), (size,))
    ]

    plain = plain_loop(x, weights, options.epochs, 128)
    ours = with_fit(x, weights, options.epochs, 128)
    print(f"{len(x)} rows of {data.name}, {size}-{code}-{size}, backend {keras.backend.backend()}")
    print("epoch  PyTorch loop      fit   relative difference   MSE per number")
    differences = [abs(a - b) / b for a, b in zip(ours, plain, strict=True)]
    for epoch, row in enumerate(zip(plain, ours, differences, strict=True), start=1):
        mse = 2 * row[1] / size
        print(f"{epoch:5}  {row[0]:12.6f}  {row[1]:.6f}  {row[2]:20.1e}   {mse:.6f}")
    return {"largest_difference": max(differences), "mse": 2 * ours[-1] / size}


if __name__ == "__main__":
    main()
