"""Half of a table filled in: `python -m benchmarks.tabular.imputation --out FILE`.

Entries are taken out by chance; the figure is the root mean squared error of what is filled in, in
deviations of the columns. What is in the file already is not done again.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time
import warnings
from typing import Any

import numpy as np
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from benchmarks.reproduce.imputation import NAMES, at_random, table
from benchmarks.tabular.run import begun, write

METHODS = ("keras_ae", "mean", "neighbours", "iterative")


def main() -> None:
    """Measure what is lacking and write it as it comes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", nargs="+", default=list(NAMES))
    chosen = parser.parse_args()
    found = json.loads(chosen.out.read_text()) if chosen.out.is_file() else begun()
    for name in chosen.sets:
        x = table(name).astype("float64")
        of_set = found["sets"].setdefault(name, {"rows": len(x), "columns": x.shape[1]})
        for method in METHODS:
            for seed in range(chosen.seeds):
                of_method = of_set.setdefault(method, {})
                if str(seed) in of_method:
                    continue
                seen = at_random(x, seed)
                start = time.perf_counter()
                filled = filled_by(method, np.where(seen, x, np.nan), seed)
                seconds = time.perf_counter() - start
                error = float(np.sqrt(np.mean((filled - x)[~seen] ** 2)))
                of_method[str(seed)] = {"rmse": error, "seconds": seconds}
                write(found, chosen.out)
        print(name, flush=True)


def filled_by(method: str, x: np.ndarray, seed: int) -> np.ndarray:
    """Return a table without gaps, by defaults."""
    from keras_ae.estimators import Imputer

    made: dict[str, Any] = {
        "keras_ae": lambda: Imputer(random_state=seed),
        "mean": SimpleImputer,
        "neighbours": KNNImputer,
        "iterative": lambda: IterativeImputer(random_state=seed),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an iteration that has not converged
        return np.asarray(made[method]().fit_transform(x))


if __name__ == "__main__":
    main()
