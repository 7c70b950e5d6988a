"""Our detector's defaults beside PyOD's autoencoder: `python -m benchmarks.tabular.speed`.

Fits of 20,000 rows of 21 numbers, and scores of 1,000,000, each in a process of its own, in turn,
on the same normal draws. `--peers` is the Python of an environment with PyOD.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks.tabular.run import begun, write

COLUMNS, TRAINED, SCORED = 21, 20_000, 1_000_000


def main() -> None:
    """Measure both contenders in turn, some times."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--peers", required=True, help="the Python of an environment with PyOD")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--contender", choices=("keras_ae", "pyod"), help="run one, and no more")
    chosen = parser.parse_args()
    if chosen.contender:
        print(json.dumps(seconds_of(chosen.contender)))
        return
    found: dict[str, Any] = {**begun(), "sets": {"keras_ae": [], "pyod": []}}
    script = [str(pathlib.Path(__file__)), "--out", "-", "--peers", "-", "--contender"]
    root = str(pathlib.Path(__file__).parents[2])
    for _ in range(chosen.times):
        for name, python in (("keras_ae", sys.executable), ("pyod", chosen.peers)):
            done = subprocess.run(
                [python, *script, name],
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "PYTHONPATH": root},
            )
            found["sets"][name].append(json.loads(done.stdout.strip().splitlines()[-1]))
            write(found, chosen.out)
            print(name, found["sets"][name][-1], flush=True)


def seconds_of(contender: str) -> dict[str, float]:
    """Return the seconds of the first fit of a process, of the second, and of scoring."""
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(TRAINED, COLUMNS)), rng.normal(size=(SCORED, COLUMNS))
    fit, score = ours() if contender == "keras_ae" else theirs()
    times = [time.perf_counter()]
    for _ in range(2):
        model = fit(train)
        times.append(time.perf_counter())
    score(model, test[:5_000])  # what is compiled once
    start = time.perf_counter()
    score(model, test)
    done = time.perf_counter()
    first, second = np.diff(times).tolist()
    return {"first_fit": first, "fit": second, "score": done - start}


def ours() -> Any:
    """Return how we fit and score."""
    from keras_ae.estimators import AnomalyDetector

    return (
        lambda x: AnomalyDetector(random_state=0).fit(x),
        lambda detector, x: detector.anomaly_score(x),
    )


def theirs() -> Any:
    """Return how PyOD does."""
    from pyod.models.auto_encoder import AutoEncoder

    def fit(x: np.ndarray) -> Any:
        model = AutoEncoder(random_state=0, verbose=0)
        model.fit(x)
        return model

    return fit, lambda model, x: model.decision_function(x)


if __name__ == "__main__":
    main()
