"""What an evidence lower bound is made of."""

from __future__ import annotations

from typing import Any, NamedTuple


class Decomposition(NamedTuple):
    """What an evidence lower bound is made of, means over rows, in nats.

    Args:
        elbo: E_q log p(x | z) - KL(q(z | x) || p(z)).
        distortion: -E_q log p(x | z).
        rate: KL(q(z | x) || p(z)).
        kl_per_dimension: The rate of each part of the code, `latent_shape` or less; empty where no
            closed form is known.
        active_units: Numbers of the code whose mean varies over the rows by more than 0.01.
        mutual_information: I(x; z) under q, the rate's part that informs; at most log(rows); NaN
            where the posterior is not a normal one of independent coordinates.
        total_correlation: KL(q(z) || prod_j q(z_j)) of the aggregated posterior; NaN likewise.
        dimension_wise_kl: sum_j KL(q(z_j) || p(z_j)); NaN likewise, and where the prior is not the
            standard normal.
    """

    elbo: float
    distortion: float
    rate: float
    kl_per_dimension: Any
    active_units: int
    mutual_information: float
    total_correlation: float
    dimension_wise_kl: float
