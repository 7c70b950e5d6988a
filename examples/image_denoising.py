"""Denoising: an autoencoder beside a Gaussian filter, each tuned on training images alone.

python examples/image_denoising.py --data mnist
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import keras
import numpy as np
from scipy.ndimage import gaussian_filter

import keras_ae
from keras_ae import datasets
from keras_ae.reports import reconstruction_errors


def noisy(x: np.ndarray, scale: float, seed: int) -> np.ndarray:
    """Return images with Gaussian noise, not clipped."""
    return x + np.random.default_rng(seed).normal(0, scale, x.shape).astype("float32")


def filtered(x: np.ndarray, width: float) -> np.ndarray:
    """Return images smoothed over height and width, clipped to [0, 1]."""
    return gaussian_filter(x, (0, width, width, 0)).clip(0, 1)


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Print and return the PSNR of the noisy, the filtered and the restored test images, dB."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--rows", type=int, help="use the first rows only")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--noise", type=float, default=0.3)
    parser.add_argument("--latent-dim", type=int, default=64)
    parser.add_argument("--picture", help="a PNG to write")
    options = parser.parse_args(arguments)

    data = datasets.load(options.data, limit=options.rows)
    clean = data.x_test
    damaged = noisy(clean, options.noise, seed=1)

    sample = data.x_train[:2000]
    damaged_sample = noisy(sample, options.noise, seed=2)
    widths = np.linspace(0.2, 1.6, 29)
    errors = [np.mean((filtered(damaged_sample, width) - sample) ** 2) for width in widths]
    width = float(widths[int(np.argmin(errors))])

    keras.utils.set_random_seed(0)
    model = keras_ae.create(
        "denoising_autoencoder",
        input_shape=data.event_shape,
        latent_dim=options.latent_dim,
        hidden=[512],
        corruption={"name": "gaussian_noise", "scale": options.noise},
        likelihood="bernoulli",
    )
    model.compile(optimizer="adam")
    model.fit(data.x_train, epochs=options.epochs, batch_size=128, verbose=0)

    shown = {
        "noisy": damaged.clip(0, 1),
        "Gaussian filter": filtered(damaged, width),
        "denoising autoencoder": model.reconstruct(damaged),
    }
    found = {name: reconstruction_errors(clean, x)["psnr"] for name, x in shown.items()}
    print(f"{data.name}, {len(clean)} test images, noise {options.noise}: PSNR in dB")
    for name, psnr in found.items():
        note = f"(width {width:.2f} pixels)" if name == "Gaussian filter" else ""
        print(f"{name:22} {psnr:6.2f}  {note}")
    if options.picture:
        from keras_ae.plots import example_grid

        rows = {name: x[:8] for name, x in {"clean": clean, **shown}.items()}
        example_grid(rows).savefig(options.picture, dpi=110)
    return found


if __name__ == "__main__":
    main()
