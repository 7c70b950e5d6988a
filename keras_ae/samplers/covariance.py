"""Covariances of codes, and their roots."""

from __future__ import annotations

import numpy as np

RIDGE = 1e-6
"""What is added to variances, as a share of their mean: for coordinates that are constant."""


def ridge_of(variances: np.ndarray) -> float:
    """Return what to add to variances so that no covariance is singular."""
    return RIDGE * max(float(np.mean(variances)), RIDGE)


def root(covariance: np.ndarray) -> np.ndarray:
    """Return L with L L^T = covariance + ridge I, `(..., size, size)`, lower triangular.

    Args:
        covariance: Covariances `(..., size, size)`, singular ones too.
    """
    variances = np.diagonal(covariance, axis1=-2, axis2=-1)
    return np.linalg.cholesky(covariance + ridge_of(variances) * np.eye(covariance.shape[-1]))
