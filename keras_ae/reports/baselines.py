"""What simpler methods reach on the same data."""

from __future__ import annotations

from typing import Any

import numpy as np

PROBE_ROWS = 10_000


def pca_baseline(
    x_train: np.ndarray, x_test: np.ndarray, components: int, seed: int = 0
) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    """Return PCA's test error at a code size, and its codes of both parts.

    Args:
        x_train: Training examples `(rows, ...)`.
        x_test: Test examples.
        components: Length of the code; at most what the data allow.
        seed: Seed of scikit-learn's randomised solver.

    Returns:
        `{"components", "mse"}` on the test part, codes of the training part, of the test part.
    """
    from sklearn.decomposition import PCA

    train, test = _filled(x_train), _filled(x_test)
    pca = PCA(min(components, *train.shape), random_state=seed).fit(train)
    codes = pca.transform(test)
    error = np.square(test - pca.inverse_transform(codes)).mean()
    report = {"components": int(pca.n_components_), "mse": float(error)}
    return report, pca.transform(train), codes


def linear_probe(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
) -> float:
    """Return the test accuracy of a logistic regression on standardised features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    probe.fit(_filled(train)[:PROBE_ROWS], train_labels[:PROBE_ROWS])
    return float(probe.score(_filled(test), test_labels))


def probe_accuracies(
    features: dict[str, tuple[Any, Any]], train_labels: np.ndarray, test_labels: np.ndarray
) -> dict[str, float]:
    """Return the linear probe's test accuracy for each kind of features, (train, test) by name."""
    return {
        name: linear_probe(train, train_labels, test, test_labels)
        for name, (train, test) in features.items()
    }


def _filled(x: np.ndarray) -> np.ndarray:
    """Return rows of numbers, missing ones at their column's mean."""
    flat = np.asarray(x, "float64").reshape(len(x), -1)
    if not np.isnan(flat).any():
        return flat
    seen = np.maximum((~np.isnan(flat)).sum(axis=0), 1)
    return np.where(np.isnan(flat), np.nansum(flat, axis=0) / seen, flat)
