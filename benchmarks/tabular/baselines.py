"""What needs no network: distances, residuals, trees; of rows in deviations of training's."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors


def scores(name: str, train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Return a score of each test row by one of `NAMES`, higher is stranger."""
    deviation = train.std(axis=0)
    deviation = np.where(deviation > 0.0, deviation, 1.0)
    train, test = ((rows - train.mean(axis=0)) / deviation for rows in (train, test))
    return NAMES[name](train, test, seed)


def norm(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Return |z|."""
    return np.linalg.norm(test, axis=1)


def residual(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Return the residual after the principal components of 90 % of the variance."""
    found = PCA(0.9, svd_solver="full").fit(train)
    return np.linalg.norm(test - found.inverse_transform(found.transform(test)), axis=1)


def mahalanobis(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Return the squared distance from the mean, by the whole covariance with a small ridge."""
    covariance = np.cov(train.T).reshape(train.shape[1], -1) + 1e-6 * np.eye(train.shape[1])
    away = test - train.mean(axis=0)
    return np.einsum("nd,nd->n", away, np.linalg.solve(covariance, away.T).T)


def neighbours(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Return the mean distance to the five nearest rows of training; not of itself."""
    search = NearestNeighbors().fit(train)
    if train.shape == test.shape and (train == test).all():
        return search.kneighbors(n_neighbors=5)[0].mean(axis=1)
    return search.kneighbors(test, n_neighbors=5)[0].mean(axis=1)


def forest(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Return the Isolation Forest's score."""
    return -IsolationForest(random_state=seed).fit(train).score_samples(test)


NAMES = {
    "norm": norm,
    "pca_residual": residual,
    "mahalanobis": mahalanobis,
    "knn_5": neighbours,
    "isolation_forest": forest,
}
