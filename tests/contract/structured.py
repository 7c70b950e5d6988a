"""The rows of variants in which who sees what differs: gaps, counts, pairs, several parts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops
from scipy.special import gammaln, logsumexp

from tests.contract.cases import Arrays, Case, Objective
from tests.contract.variational import log_normal


def over_observed_entries(samples: int) -> Objective:
    """-log 1/K sum_k p(x_o | z_k) p(z_k) / q(z_k | x_o), Mattei and Frellsen (2019), eq. 4."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        mean, log_var = (outputs[k].repeat(samples, axis=0) for k in ("mean", "log_var"))
        tensors = {"mean": ops.convert_to_tensor(mean), "log_var": ops.convert_to_tensor(log_var)}
        z = ops.convert_to_numpy(model.bottleneck.draw(tensors)["latent"])
        location, log_scale, log_freedom = np.split(
            ops.convert_to_numpy(model.decoder(z)).astype("f8"), 3, axis=1
        )
        nu, log_scale = 4.0 * np.exp(log_freedom), np.clip(log_scale, -10, 10)
        t = (x.repeat(samples, axis=0) - location) / np.exp(log_scale)
        density = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(math.pi * nu) - log_scale
        density = np.nansum(density - (nu + 1) / 2 * np.log1p(t**2 / nu), axis=1)
        log_w = density + log_normal(z) - log_normal(z, mean, log_var)
        return -float(np.mean(logsumexp(log_w.reshape(len(x), -1), axis=1) - math.log(samples)))

    return objective


STRUCTURED = [
    Case(
        "missing_data_iwae",
        over_observed_entries(4),
        {"latent_dim": 2, "hidden": [8], "samples": 4},
        distortion="importance_weighted",
        gaps=0.3,
    ),
]
