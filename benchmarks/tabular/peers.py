"""PyOD's scores, in an environment of its own: `python peers.py NAME SEED ROWS.npz SCORES.npy`.

Imports nothing of keras_ae.
"""

from __future__ import annotations

import importlib
import json
import sys
import time

import numpy as np

KINDS = {
    "pyod_autoencoder": ("pyod.models.auto_encoder", "AutoEncoder"),
    "pyod_vae": ("pyod.models.vae", "VAE"),
}


def main() -> None:
    """Fit with the peer's defaults, write its scores, and print the seconds of both."""
    name, seed, rows, target = sys.argv[1:]
    with np.load(rows, allow_pickle=False) as found:
        train, test = found["train"], found["test"]
    module, kind = KINDS[name]
    model = getattr(importlib.import_module(module), kind)(random_state=int(seed), verbose=0)
    start = time.perf_counter()
    model.fit(train)
    fitted = time.perf_counter()
    scores = model.decision_function(test)
    done = time.perf_counter()
    np.save(target, scores)
    print(json.dumps({"fit": fitted - start, "score": done - fitted}))


if __name__ == "__main__":
    main()
