"""One estimate of several imputed tables."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Pooled(NamedTuple):
    """An estimate of imputed tables, each array `(...)` of one estimate's shape.

    Args:
        estimate: The mean over tables.
        variance: Of it: within tables, and between them.
        degrees_of_freedom: Of its t distribution.
        missing_information: Share of the variance that is due to what is missing.
    """

    estimate: np.ndarray
    variance: np.ndarray
    degrees_of_freedom: np.ndarray
    missing_information: np.ndarray


def pooled(estimates: Any, variances: Any) -> Pooled:
    """Return one estimate of those of several imputed tables, by Rubin's rules.

    With m tables, W the mean of the variances and B the variance of the estimates:
    T = W + (1 + 1/m) B, and (m - 1) (1 + W / ((1 + 1/m) B))^2 degrees of freedom.

    Args:
        estimates: `(tables, ...)`, two tables or more.
        variances: Of each estimate, squared standard errors, `(tables, ...)`.

    Raises:
        ValueError: There are fewer than two tables, or other shapes.

    Reference:
        Rubin (1987), Multiple Imputation for Nonresponse in Surveys, equations 3.1.2 to 3.1.6.

    Example:
        >>> found = pooled([1.0, 3.0], [0.5, 0.5])
        >>> float(found.estimate), float(found.variance)
        (2.0, 3.5)
    """
    estimates, variances = np.asarray(estimates, "float64"), np.asarray(variances, "float64")
    if estimates.ndim < 1 or len(estimates) < 2 or estimates.shape != variances.shape:
        raise ValueError(
            "estimates and their variances must have one shape, (tables, ...), of two tables or "
            f"more. Received: {estimates.shape} and {variances.shape}"
        )
    tables = len(estimates)
    within, between = variances.mean(axis=0), estimates.var(axis=0, ddof=1)
    added = (1.0 + 1.0 / tables) * between
    variance = within + added
    with np.errstate(divide="ignore", invalid="ignore"):
        degrees = np.where(added > 0.0, (tables - 1) * (1.0 + within / added) ** 2, np.inf)
        share = np.where(variance > 0.0, added / variance, 0.0)
    return Pooled(estimates.mean(axis=0), variance, degrees, share)
