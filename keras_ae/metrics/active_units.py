"""How many numbers of a code are used."""

from __future__ import annotations

import numpy as np


def active_units(codes: np.ndarray, threshold: float = 0.01) -> int:
    """Return how many numbers of the code vary over the data: Cov_x(E_q z_j) > threshold.

    Args:
        codes: Posterior means, `(rows, latent_dim)`.
        threshold: Least variance of a used unit.

    Reference: Burda et al. (2016), https://arxiv.org/abs/1509.00519, section 5.2.

    Example:
        >>> active_units(np.array([[0.0, 1.0], [2.0, 1.0]]))
        1
    """
    return int((np.var(np.asarray(codes, "float64"), axis=0) > threshold).sum())
