"""The main job on whatever real images this machine has: `make demo`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RUN = Path("runs") / "demo"
MNIST = "--likelihood bernoulli --epochs 10 --limit 20000"
# On 1438 images of 64 grey pixels, cross-entropy would leave all nearly as blurred as their mean.
DIGITS = "--likelihood gaussian --likelihood.scale 0.1 --epochs 100 --batch-size 32"
CANDIDATES = {"fashion_mnist": MNIST, "mnist": MNIST, "digits": DIGITS}


def data_at_hand() -> str:
    """Return the first set that is on this machine; nothing is downloaded."""
    from keras_ae.datasets import at_hand

    return next(name for name in CANDIDATES if at_hand(name))


def main() -> int:
    """Train a variational autoencoder, draw what it learned, and export it."""
    data = data_at_hand()
    command = [
        str(Path(sys.executable).parent / "keras-ae"),
        *("train", "vae", "--data", data, "--out", str(RUN), "--export", "demo"),
        *("--saved-models", str(RUN.parent / "saved_models")),
        *("--encoder", "mlp", "--hidden", "400", "--latent-dim", "20", *CANDIDATES[data].split()),
    ]
    print(f"data: {data}\n$ {' '.join(command[1:])}", flush=True)
    return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main())
