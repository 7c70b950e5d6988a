"""log p(x) with 5,000 samples, beside pythae's loop: `python -m benchmarks.likelihood`.

`--peers PYTHON` names the Python of the peers' environment; both have the network 784-512-16 with
its first weights, and binarised MNIST test images. Memory is the most that this process held.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import resource
import sys
import time
from typing import Any

import numpy as np

from benchmarks import origin
from benchmarks.beside_peers import command
from benchmarks.peers import LIKELIHOOD_SAMPLES


def main() -> None:
    """Time our bound on many images and the peer's on some, and write both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", help="the Python of the peers' environment")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--peer-rows", type=int, default=100)
    parser.add_argument("--out", type=pathlib.Path)
    chosen = parser.parse_args()
    figures: dict[str, Any] = ours(chosen.rows)
    if chosen.peers:
        script = str(pathlib.Path(__file__).with_name("peers.py"))
        peer = command([chosen.peers, script, "likelihood", str(chosen.peer_rows)], {})
        figures["pythae_image"] = peer["image"]
        figures["times_faster"] = peer["image"] / figures["image"]
    figures["commit"] = origin.commit()
    text = json.dumps(figures, indent=1) + "\n"
    sys.stdout.write(text)
    if chosen.out is not None:
        part = chosen.out.with_suffix(".part")
        part.write_text(text)
        part.replace(chosen.out)


def ours(rows: int) -> dict[str, Any]:
    """Return seconds of our bound on so many images, compiling included."""
    import keras

    import keras_ae

    data = keras_ae.datasets.load("mnist")
    x = (data.x_test[:rows].reshape(-1, 784) > 0.5).astype("float32")
    model = keras_ae.create(
        "vae", input_shape=(784,), latent_dim=16, hidden=[512], likelihood="bernoulli"
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    values = model.log_prob(x, LIKELIHOOD_SAMPLES, verbose=1)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "backend": keras.backend.backend(),
        "rows": len(x),
        "samples": LIKELIHOOD_SAMPLES,
        "seconds": seconds,
        "image": seconds / len(x),
        "more_memory_mb": (after - before) / 1024,
        "finite": bool(np.isfinite(values).all()),
    }


if __name__ == "__main__":
    main()
