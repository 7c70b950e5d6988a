"""Peers and keras_ae in turn: `python -m benchmarks.beside_peers --peers PYTHON --out FILE`."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
from typing import Any

from benchmarks import origin

BACKENDS = ("jax", "tensorflow", "torch")
PEERS = {"table": ("pyod", 3), "mlp_vae": ("pythae", 5)}
ROUNDS = 3


def main() -> None:
    """Time both in turn and write the medians as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", required=True, help="the Python of the peers' environment")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    chosen = parser.parse_args()
    found = {name: row(name, chosen.peers) for name in PEERS}
    found["versions"] = {
        package: command(
            [
                chosen.peers,
                "-c",
                f"import importlib.metadata as m, json;print(json.dumps(m.version('{package}')))",
            ],
            {},
        )
        for package in ("pyod", "pythae", "torch")
    }
    found["commit"] = origin.commit()
    part = chosen.out.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1) + "\n")
    part.replace(chosen.out)


def row(name: str, peers: str) -> dict[str, Any]:
    """Return the medians of a peer and of keras_ae on each framework, and their ratios."""
    peer, epochs = PEERS[name]
    runs: dict[str, list[dict[str, float]]] = {key: [] for key in (peer, *BACKENDS)}
    script = str(pathlib.Path(__file__).with_name("peers.py"))
    for _ in range(ROUNDS):
        runs[peer].append(command([peers, script, name, str(epochs)], {}))
        for backend in BACKENDS:
            ours = [
                sys.executable,
                "-m",
                "benchmarks.ours",
                name,
                str(20 if name == "table" else 7),
            ]
            runs[backend].append(command(ours, {"KERAS_BACKEND": backend}))
    medians = {
        key: {k: statistics.median(run[k] for run in found) for k in found[0]}
        for key, found in runs.items()
    }
    medians["times_faster"] = {
        backend: {
            k: statistics.median(
                a[k] / b[k.removeprefix("usual_")]
                for a, b in zip(runs[peer], runs[backend], strict=True)
            )
            for k in ("epoch", "usual_epoch", "score")
            if k in medians[peer]
        }
        for backend in BACKENDS
    }
    sys.stdout.write(f"{name}: {json.dumps(medians)}\n")
    return medians


def command(arguments: list[str], environment: dict[str, str]) -> Any:
    """Return the JSON on the last line that a command prints."""
    given = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    done = subprocess.run(arguments, env=given, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
