"""What simpler methods reach on the same data."""

from __future__ import annotations

from typing import Any

import numpy as np

PROBE_ROWS = 10_000


def pca_baseline(
    x_train: np.ndarray, x_test: np.ndarray, components: int, seed: int = 0
) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    """Return PCA's test error at a code size, and its codes of both parts.

    Missing entries stand at their column's mean over the training part and have no error.

    Args:
        x_train: Training examples `(rows, ...)`.
        x_test: Test examples.
        components: Length of the code; at most what the data allow.
        seed: Seed of scikit-learn's randomised solver.

    Returns:
        `{"components", "mse"}` on the test part, codes of the training part, of the test part.
    """
    from sklearn.decomposition import PCA

    train, test = _filled(x_train), _filled(x_test, x_train)
    with np.errstate(invalid="ignore", divide="ignore"):  # the shares of no variance at all
        pca = PCA(min(components, *train.shape), random_state=seed).fit(train)
    codes = pca.transform(test)
    observed = np.reshape(x_test, (len(x_test), -1))
    error = np.nanmean(np.square(observed - pca.inverse_transform(codes)))
    report = {"components": int(pca.n_components_), "mse": float(error)}
    return report, pca.transform(train), codes


def probe_rows(rows: int, seed: int = 0) -> np.ndarray:
    """Return the numbers of the rows that a probe is fitted to: all, or 10,000 at random."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:PROBE_ROWS])


def linear_probe(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
) -> float:
    """Return the test accuracy of a logistic regression on standardised features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    chosen = probe_rows(len(train))
    probe.fit(_filled(train)[chosen], np.asarray(train_labels)[chosen])
    return float(probe.score(_filled(test, train), test_labels))


def probe_accuracies(
    features: dict[str, tuple[Any, Any]], train_labels: np.ndarray, test_labels: np.ndarray
) -> dict[str, float]:
    """Return the linear probe's test accuracy for each kind of features, (train, test) by name."""
    return {
        name: linear_probe(train, train_labels, test, test_labels)
        for name, (train, test) in features.items()
    }


def _filled(x: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """Return rows of numbers, missing ones at their column's mean in the reference, or in `x`."""
    flat = np.asarray(x, "float64").reshape(len(x), -1)
    if not np.isnan(flat).any():
        return flat
    known = flat if reference is None else np.reshape(reference, (len(reference), -1))
    seen = np.maximum((~np.isnan(known)).sum(axis=0), 1)
    return np.where(np.isnan(flat), np.nansum(known, axis=0) / seen, flat)
