"""Every set, protocol, method and seed: `python -m benchmarks.tabular.run --out FILE`.

What is in the file already is not done again. With `--peers`, the Python of an environment with
PyOD, its autoencoders too.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import tempfile
import time
import warnings
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks import origin
from benchmarks.tabular import baselines, splits
from benchmarks.tabular.splits import Split

OURS = "keras_ae"
"""Followed by the score, where it is not the default."""


def main() -> None:
    """Measure what is lacking and write it as it comes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--peers", help="the Python of an environment with PyOD")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--protocols", nargs="+", default=list(splits.PROTOCOLS))
    parser.add_argument("--methods", nargs="+", help="all that can be had when not given")
    parser.add_argument("--sets", nargs="+")
    chosen = parser.parse_args()
    methods = chosen.methods or default_methods(chosen.peers)
    found = json.loads(chosen.out.read_text()) if chosen.out.is_file() else begun()
    for place, (name, x, is_anomaly) in enumerate(splits.sets()):
        if chosen.sets and name not in chosen.sets:
            continue
        facts = {"rows": len(x), "columns": x.shape[1], "anomalies": int(is_anomaly.sum())}
        of_set = found["sets"].setdefault(name, {**facts, "chooses": splits.chooses(place)})
        for protocol in chosen.protocols:
            for seed in range(chosen.seeds):
                part = splits.split(protocol, x, is_anomaly, seed)
                measure(of_set, protocol, seed, part, methods, chosen.peers)
                write(found, chosen.out)
        print(name, flush=True)


def default_methods(peers: str | None) -> list[str]:
    """Return all methods that can be had."""
    from keras_ae.estimators import scores

    others = [f"{OURS}:{score}" for score in scores.SCORES if score not in ("combined", "elbo")]
    of_peers = ["pyod_autoencoder", "pyod_vae"] if peers else []
    return [OURS, *others, *baselines.NAMES, *of_peers]


def begun() -> dict[str, Any]:
    """Return a file of no sets."""
    import keras

    return {"backend": keras.backend.backend(), "commit": origin.commit(), "sets": {}}


def measure(
    of_set: dict[str, Any],
    protocol: str,
    seed: int,
    part: Split,
    methods: list[str],
    peers: str | None,
) -> None:
    """Measure the methods that are lacking on one split."""
    done = of_set.setdefault(protocol, {}).setdefault(str(seed), {})
    wanted = [method for method in methods if method not in done]
    ours = [method for method in wanted if method.split(":")[0] == OURS]
    if ours:
        done.update(of_ours(part, ours, seed))
    for method in wanted:
        if method in baselines.NAMES:
            start = time.perf_counter()
            scores = baselines.scores(method, part.train, part.test, seed)
            done[method] = figures(scores, part, {"all": time.perf_counter() - start})
        elif method not in ours:
            done[method] = of_peer(method, seed, part, str(peers))


def of_ours(part: Split, methods: list[str], seed: int) -> dict[str, Any]:
    """Return the figures of the default detector, and of other scores of the same model."""
    from keras_ae.estimators import AnomalyDetector, scores
    from keras_ae.estimators.scores import ScoredModel

    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constant columns and of entries far away
        start = time.perf_counter()
        detector = AnomalyDetector(random_state=seed).fit(part.train)
        fitted = time.perf_counter()
        of_default = detector.anomaly_score(part.test)
        scored = time.perf_counter()
        x, test = detector._scaled(part.train), detector._scaled(part.test)
    for method in methods:
        if method == OURS:
            seconds = {"fit": fitted - start, "score": scored - fitted}
            found[method] = figures(of_default, part, seconds)
            continue
        kind = scores.get(method.split(":")[1])
        other = ScoredModel.fitted(kind, detector.model_, x, np.random.default_rng(seed))
        found[method] = figures(other.scores(test), part, {})
    return found


def of_peer(method: str, seed: int, part: Split, peers: str) -> dict[str, Any]:
    """Return the figures of a peer."""
    script = str(pathlib.Path(__file__).with_name("peers.py"))
    with tempfile.TemporaryDirectory() as folder:
        rows, target = f"{folder}/rows.npz", f"{folder}/scores.npy"
        np.savez(rows, train=part.train, test=part.test)
        command = [peers, script, method, str(seed), rows, target]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return {"failed": done.stderr.strip().splitlines()[-1]}
        seconds = json.loads(done.stdout.strip().splitlines()[-1])
        return figures(np.load(target), part, seconds)


def figures(scores: np.ndarray, part: Split, seconds: dict[str, float]) -> dict[str, Any]:
    """Return the areas under the curves of receiver and of precision and recall, percent."""
    if not np.isfinite(scores).all():
        return {"failed": "scores that are not finite"}
    return {
        "auroc": 100.0 * float(roc_auc_score(part.is_anomaly, scores)),
        "auprc": 100.0 * float(average_precision_score(part.is_anomaly, scores)),
        "seconds": seconds,
    }


def write(found: dict[str, Any], out: pathlib.Path) -> None:
    """Write the file at once."""
    part = out.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1) + "\n")
    part.replace(out)


if __name__ == "__main__":
    main()
