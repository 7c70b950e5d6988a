"""The distance of two sets of vectors as far as means and covariances tell them."""

from __future__ import annotations

import numpy as np


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), of means m and covariances S.

    It is the 2-Wasserstein distance, squared, of the normals with the sets' means and
    covariances. On the features of a network it compares pictures; its value is comparable only
    between sets that were seen by the same network ("FID" is that of one certain network).

    Args:
        a: `(n, d)`, more rows than d for covariances of full rank.
        b: `(m, d)`.

    Raises:
        ValueError: The sets are no vectors of one length, or of a single row.

    Reference:
        Dowson and Landau (1982), https://doi.org/10.1016/0047-259X(82)90077-X, equation 4; Heusel
        et al. (2017), https://arxiv.org/abs/1706.08500, equation 6, for pictures.

    Example:
        >>> a = np.array([[0.0], [2.0]])
        >>> frechet_distance(a, a + 3.0)
        9.0
    """
    a, b = _vectors("a", a), _vectors("b", b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"`a` and `b` must be vectors of one length. Received: shapes {a.shape} and {b.shape}"
        )
    covariances = [np.atleast_2d(np.cov(part, rowvar=False)) for part in (a, b)]
    root = _square_root(covariances[0])
    # The eigenvalues of S_a S_b are those of this symmetric matrix.
    mixed = np.linalg.eigvalsh(root @ covariances[1] @ root)
    trace = sum(float(np.trace(s)) for s in covariances)
    apart = float(((a.mean(0) - b.mean(0)) ** 2).sum())
    return apart + trace - 2.0 * float(np.sqrt(np.maximum(mixed, 0.0)).sum())


def _square_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    root: np.ndarray = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def _vectors(name: str, rows: np.ndarray) -> np.ndarray:
    found = np.asarray(rows, "float64")
    if found.ndim != 2 or len(found) < 2:
        raise ValueError(
            f"`{name}` must be two rows of numbers or more. Received: shape {found.shape}"
        )
    return found
