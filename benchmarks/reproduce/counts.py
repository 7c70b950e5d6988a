"""Genes of single cells, as counts and otherwise: `python -m benchmarks.reproduce.counts`."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Run, main

GENES, HELD_OUT, SAMPLES = 1_000, 0.2, 100


def cells() -> tuple[np.ndarray, np.ndarray]:
    """Return counts of the most variable genes, `(cells, genes)`, and the cells' types.

    Genes are ranked by the variance of log(1 + x) after every cell was scaled to one total.
    """
    from benchmarks.reproduce import data

    parts = data.stored("single_cell_pbmc", "pbmc_facs.npz")
    x = data.dense(parts)
    chosen = np.argsort(np.log1p(scaled(x)).var(0))[::-1][:GENES]
    return x[:, np.sort(chosen)], parts["celltype"]


def scaled(x: np.ndarray) -> np.ndarray:
    """Return counts with every cell scaled to 10,000 in all."""
    return 1e4 * x / np.maximum(x.sum(1, keepdims=True), 1.0)


def measure(run: Run, options: argparse.Namespace, kind: str) -> None:
    """Train on four fifths; log-masses of the others' counts, and how clusters match the types."""
    x, types = cells()
    x, types = x[: options.rows], types[: options.rows]
    order = np.random.default_rng(run.seed).permutation(len(x))
    held = round(HELD_OUT * len(x))
    train, test = x[order[held:]], x[order[:held]]
    if kind == "pca":
        from sklearn.decomposition import PCA

        codes = PCA(10, random_state=run.seed).fit_transform(np.log1p(scaled(x)))
    else:
        model = trained(run, options, train, kind)
        seen = x if kind != "gaussian" else np.log1p(x)
        codes = model.encode(seen)
        codes = codes if kind == "gaussian" else codes[:, 1:]
        with run.timed("bounds"):
            if kind == "gaussian":
                bound = bound_of_masses(model, test, run.seed)
            else:
                bound = model.log_prob(test, SAMPLES)
        run.figures["log_prob"] = float(bound.mean())
    run.figures["ari"] = agreement(codes, types, run.seed)


def bound_of_masses(model: Any, x: np.ndarray, seed: int) -> np.ndarray:
    """Return importance-weighted bounds on log p(x) of counts, nats, by a model of log(1 + x).

    A count has the mass of the numbers that are nearest to it: N(log(1 + x); mu, sigma^2) between
    x - 1/2 and x + 1/2, and for 0 all below 1/2.
    """
    from scipy.special import logsumexp, ndtr

    given = model.posterior(np.log1p(x))
    mean, log_var = given["mean"].astype("float64"), given["log_var"].astype("float64")
    sigma = float(np.sqrt(np.asarray(model.likelihood.variance)))
    low = np.where(x > 0, np.log1p(np.maximum(x, 1.0) - 0.5), -np.inf)
    high = np.log1p(x + 0.5)
    rng, weights = np.random.default_rng(seed), []
    for _ in range(SAMPLES):
        epsilon = rng.normal(size=mean.shape)
        z = mean + np.exp(0.5 * log_var) * epsilon
        mu = model.decode(z.astype("float32"))
        masses = ndtr((high - mu) / sigma) - ndtr((low - mu) / sigma)
        ratio = 0.5 * (epsilon**2 + log_var - z**2).sum(1)
        weights.append(np.log(np.maximum(masses, 1e-30)).sum(1) + ratio)
    return np.asarray(logsumexp(weights, axis=0) - np.log(SAMPLES))


def trained(run: Run, options: argparse.Namespace, train: np.ndarray, kind: str) -> Any:
    """Return a model of counts, or of log(1 + x) under a Gaussian."""
    import keras

    import keras_ae

    shared: dict[str, Any] = {"input_shape": (train.shape[1],), "latent_dim": 10, "hidden": [128]}
    if kind == "gaussian":
        model, rows = keras_ae.create("sigma_vae", **shared), np.log1p(train)
    else:
        model, rows = keras_ae.create("count_vae", likelihood=kind, **shared), train
    model.compile(keras.optimizers.Adam(1e-3))
    run.fit(model, rows, options)
    return model


def agreement(codes: np.ndarray, types: np.ndarray, seed: int) -> float:
    """Return the adjusted Rand index of ten clusters of codes with the cells' types."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    clusters = KMeans(10, n_init=10, random_state=seed).fit_predict(codes)
    return float(adjusted_rand_score(types, clusters))


def cases() -> Iterator[Case]:
    """Yield the models."""
    titles = {
        "negative_binomial": "`count_vae`, negative binomial",
        "zero_inflated_negative_binomial": "`count_vae`, zero-inflated",
        "poisson": "`count_vae`, Poisson",
        "gaussian": "`sigma_vae` of log(1 + x)",
        "pca": "PCA of log(1 + x), cells of one total",
    }
    for kind, title in titles.items():
        yield Case(kind, title, functools.partial(measure, kind=kind))


EXPERIMENT = Experiment(
    "counts",
    "Single cells",
    "3,774 blood cells of ten types, sorted by their surfaces (10x Genomics, Zheng et al. 2017), "
    "the 1,000 genes that vary most; 1,000-128-10 and back, ReLU, Adam 1e-3, batch 128. A fifth of "
    "the cells is held out of the training.",
    {
        "log_prob": "bound on log p(x) of a held-out cell's counts, 100 samples, nats; for the "
        "Gaussian of the masses that it gives to what is nearest to a count",
        "ari": "adjusted Rand index of ten k-means clusters of all cells' codes with the types",
    },
    tuple(cases()),
    ("No count of the cells' types is told to any of them.",),
    epochs=100,
    batch_size=128,
    higher=("log_prob", "ari"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
