"""The main job on whatever real images this machine has: `make demo`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RUN = Path("runs") / "demo"
CANDIDATES = {"fashion_mnist": "20000", "mnist": "20000", "digits": ""}


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
        *("--encoder", "mlp", "--hidden", "400", "--latent-dim", "20"),
        *("--likelihood", "bernoulli", "--epochs", "10" if data != "digits" else "60"),
    ]
    if CANDIDATES[data]:
        command += ["--limit", CANDIDATES[data]]
    print(f"data: {data}\n$ {' '.join(command[1:])}", flush=True)
    return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main())
