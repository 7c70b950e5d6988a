"""The average of all posteriors, and how its coordinates depend on data and on one another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

ENTRIES = 2**22
"""Numbers of an intermediate array at most."""


class AggregatedPosterior(NamedTuple):
    """What is known of q(z) = 1/N sum_n q(z | x_n), nats.

    Args:
        mutual_information: E log q(z | x) - log q(z), between x and z; at most log N.
        total_correlation: E log q(z) - sum_j log q(z_j), between the coordinates of z.
        dimension_wise_kl: sum_j E log q(z_j) - log N(z_j; 0, 1).
    """

    mutual_information: float
    total_correlation: float
    dimension_wise_kl: float


def aggregated_posterior(
    mean: np.ndarray, log_var: np.ndarray, *, most: int = 2_000, seed: int = 0
) -> AggregatedPosterior:
    """Return the parts of the mean rate of normal posteriors from a standard normal prior.

    The expectations are means over one draw each of at most `most` posteriors; the densities
    q(z) and q(z_j) are the exact mixtures of all N given ones. The three sum to the mean of
    log q(z | x) - log p(z), an estimate of the rate.

    Args:
        mean: Posterior means, `(N, latent_dim)`.
        log_var: Logarithms of their variances, `(N, latent_dim)`.
        most: Draws.
        seed: Of the draws.

    Reference:
        Chen et al. (2018), https://arxiv.org/abs/1802.04942, equation 2.

    Example:
        >>> one = np.zeros((1, 2))
        >>> aggregated_posterior(one, one).mutual_information
        0.0
    """
    mean, log_var = (np.asarray(a, "float64").reshape(len(a), -1) for a in (mean, log_var))
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(mean))[:most]
    z = mean[rows] + np.exp(0.5 * log_var[rows]) * rng.normal(size=mean[rows].shape)
    own = _log_normal(z, mean[rows], log_var[rows]).sum(1)
    prior = _log_normal(z, 0.0, 0.0)
    joint, apart = np.empty(len(z)), np.empty(z.shape)
    together = max(1, ENTRIES // mean.size)
    for start in range(0, len(z), together):
        part = slice(start, start + together)
        each = _log_normal(z[part, None], mean, log_var)  # (draws, N, latent_dim)
        joint[part] = _log_mean_exp(each.sum(2))
        apart[part] = _log_mean_exp(each)
    return AggregatedPosterior(
        mutual_information=float((own - joint).mean()),
        total_correlation=float((joint - apart.sum(1)).mean()),
        dimension_wise_kl=float((apart - prior).sum(1).mean()),
    )


def _log_normal(z: np.ndarray, mean: np.ndarray | float, log_var: np.ndarray | float) -> np.ndarray:
    values: np.ndarray = -0.5 * (np.log(2 * np.pi) + log_var + (z - mean) ** 2 / np.exp(log_var))
    return values


def _log_mean_exp(values: np.ndarray) -> np.ndarray:
    """Return log(mean(exp(values))) over the second axis."""
    most = values.max(axis=1, keepdims=True)
    mean: np.ndarray = np.log(np.exp(values - most).mean(axis=1)) + most[:, 0]
    return mean
