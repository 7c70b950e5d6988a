"""log p(x) with 5,000 samples: `python -m benchmarks.likelihood [--peers PYTHON] --out FILE`.

Each framework bounds log p(x) of 10,000 binarised MNIST test images, compiling included, in a
process of its own; pythae's loop does 100 of them, with the batch of draws that suits it best. Both
have the network 784-512-16 with its first weights. `--peers` names the Python of the peers'
environment.
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
from benchmarks.beside_peers import BACKENDS, command
from benchmarks.peers import LIKELIHOOD_SAMPLES

ROWS, PEER_ROWS = 10_000, 100


def main() -> None:
    """Time the frameworks and the peer, and write the figures as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", help="the Python of the peers' environment")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--here", action="store_true", help="in this process, on its framework")
    chosen = parser.parse_args()
    if chosen.here:
        sys.stdout.write(json.dumps(times(chosen.rows)) + "\n")
        return
    this = [sys.executable, "-m", "benchmarks.likelihood", "--here", "--rows", str(chosen.rows)]
    found: dict[str, Any] = {name: command(this, {"KERAS_BACKEND": name}) for name in BACKENDS}
    if chosen.peers:
        script = str(pathlib.Path(__file__).with_name("peers.py"))
        peer = command([chosen.peers, script, "likelihood", str(PEER_ROWS)], {})
        for name in BACKENDS:
            found[name]["times_faster"] = peer["image"] / found[name]["image"]
        found["pythae"] = peer
    found |= {"samples": LIKELIHOOD_SAMPLES, "commit": origin.commit()}
    text = json.dumps(found, indent=1) + "\n"
    sys.stdout.write(text)
    if chosen.out is not None:
        part = chosen.out.with_suffix(".part")
        part.write_text(text)
        part.replace(chosen.out)


def times(rows: int) -> dict[str, Any]:
    """Return the seconds of our bound on so many images, and what limits them.

    The limit is the decoder's products at the framework's own rate for large ones; `memory_mb` is
    by how much the process's largest memory grew.
    """
    import keras_ae
    from benchmarks import limit

    x = (keras_ae.datasets.load("mnist").x_test[:rows].reshape(-1, 784) > 0.5).astype("float32")
    model = keras_ae.create(
        "vae", input_shape=(784,), latent_dim=16, hidden=[512], likelihood="bernoulli"
    )
    products = 2.0 * sum(int(np.prod(w.shape)) for w in model.decoder.weights if w.ndim > 1)
    least = products * LIKELIHOOD_SAMPLES * len(x) / limit.matmul_rate()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    values = model.log_prob(x, LIKELIHOOD_SAMPLES)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if not np.isfinite(values).all():
        raise ArithmeticError("log_prob gave a number that is not finite")
    return {
        "rows": len(x),
        "seconds": seconds,
        "image": seconds / len(x),
        "limit_seconds": least,
        "memory_mb": (after - before) / 1024,
    }


if __name__ == "__main__":
    main()
