"""Tables of which half is missing, filled in: `python -m benchmarks.reproduce.imputation`."""

from __future__ import annotations

import argparse
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Run, main

NAMES = ("breast_cancer", "concrete", "energy", "power", "wine_red", "yacht")
SAMPLES = 1_000


def table(name: str) -> np.ndarray:
    """Return a table's columns `(rows, columns)`, standardised.

    Raises:
        FileNotFoundError: It is not in `$KERAS_AE_DATA/uci_regression`.
    """
    if name == "breast_cancer":
        from sklearn.datasets import load_breast_cancer

        x = load_breast_cancer().data
    else:
        from benchmarks.reproduce import data

        x = data.stored("uci_regression", f"{name}.npz")["X"]
    return ((x - x.mean(0)) / x.std(0)).astype("float32")


def at_random(x: np.ndarray, seed: int) -> np.ndarray:
    """Return which entries are observed: half of them, chosen without a look at them."""
    return np.random.default_rng(seed).random(x.shape) < 0.5


def the_large_ones(x: np.ndarray, seed: int) -> np.ndarray:
    """Return which entries are observed: in half of the columns those not above the mean."""
    columns = np.random.default_rng(seed).permutation(x.shape[1])[: x.shape[1] // 2]
    seen = np.ones(x.shape, "bool")
    seen[:, columns] = x[:, columns] <= 0
    return seen


def measure(
    run: Run, options: argparse.Namespace, name: str, choose: Callable[..., np.ndarray]
) -> None:
    """Fill the gaps in each way; root mean squared errors of what was filled in."""
    import keras

    import keras_ae

    x = table(name)[: options.rows]
    seen = choose(x, run.seed)
    gaps = np.where(seen, x, np.nan).astype("float32")
    with run.timed("others"):
        for way, filled in by_scikit_learn(gaps, run.seed).items():
            run.figures[way] = error(filled, x, seen)
    for variant in ("not_miwae", "missing_data_iwae"):
        keras.utils.set_random_seed(run.seed)
        model = keras_ae.create(
            variant,
            input_shape=x.shape[1:],
            latent_dim=min(10, x.shape[1] - 1),
            hidden=[128, 128],
            encoder={"name": "mlp", "activation": "tanh"},
            **({"process": "self_masking_known"} if variant == "not_miwae" else {}),
        )
        model.compile(keras.optimizers.Adam(1e-3))
        run.fit(model, gaps, options)
        with run.timed(f"filling in by {variant}"):
            run.figures[variant] = error(model.impute(gaps, SAMPLES), x, seen)


def by_scikit_learn(gaps: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return the table filled in by column means, neighbours, and regressions in turn."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

    ways: dict[str, Any] = {
        "mean": SimpleImputer(),
        "knn": KNNImputer(n_neighbors=5),
        "iterative": IterativeImputer(max_iter=30, random_state=seed),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of small tables, in 30 rounds
        return {name: way.fit_transform(gaps) for name, way in ways.items()}


def error(filled: np.ndarray, x: np.ndarray, seen: np.ndarray) -> float:
    """Return the root mean squared error of the entries that were missing."""
    return float(np.sqrt(np.mean((filled - x)[~seen] ** 2)))


def cases() -> Iterator[Case]:
    """Yield each table with both kinds of gaps."""
    for kind, choose in (("at random", at_random), ("the large ones", the_large_ones)):
        for name in NAMES:
            chosen = functools.partial(measure, name=name, choose=choose)
            yield Case(f"{name}_{kind.replace(' ', '_')}", f"{name}, {kind}", chosen)


EXPERIMENT = Experiment(
    "imputation",
    "Tables with gaps",
    "UCI tables, columns standardised. *At random*: half of all entries are missing. *The large "
    "ones*: half of the columns lack what is above their mean. Networks of 128-128, tanh, a code "
    "of at most 10 numbers, 20 draws in training and 1,000 to fill in, Adam 1e-3, each variant "
    "with its default likelihood; `not_miwae` knows that large numbers are missing. Root mean "
    "squared errors of what was filled in, of columns of variance 1.",
    {
        "mean": "by the column's mean",
        "knn": "by five neighbours (scikit-learn's `KNNImputer`)",
        "iterative": "by regressions in turn (scikit-learn's `IterativeImputer`)",
        "missing_data_iwae": "by that variant",
        "not_miwae": "by that variant",
    },
    tuple(cases()),
    ("Nothing is tuned for a table.",),
    epochs=300,
    batch_size=64,
)

if __name__ == "__main__":
    main(EXPERIMENT)
