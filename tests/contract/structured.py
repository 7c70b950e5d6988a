"""The rows of variants in which who sees what differs: gaps, counts, pairs, several parts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops
from scipy import stats
from scipy.special import gammaln, log_expit, log_softmax, logsumexp

from tests.contract.cases import Arrays, Case, Objective, kl
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


def shared_totals(beta: float) -> Objective:
    """-log Mult(x; n, softmax(decoded)) + beta KL, Liang et al. (2018), eq. 6."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        x = x.astype("f8")
        coefficient = gammaln(x.sum(1) + 1) - gammaln(x + 1).sum(1)
        density = coefficient + (x * log_softmax(outputs["decoded"].astype("f8"), axis=1)).sum(1)
        return -float(density.mean()) + beta * kl(outputs)

    return objective


def shared_dispersion(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """-log NB(x; exp(l) softmax, r) + KL, Lopez et al. (2018), methods."""
    decoded = outputs["decoded"].astype("f8")
    mean, r = np.exp(decoded[:, :10]), np.exp(decoded[:, 10:])
    assert np.ptp(r, axis=0).max() == 0
    np.testing.assert_allclose(np.log(mean.sum(1)), outputs["latent"][:, 0], atol=1e-5)
    density = stats.nbinom.logpmf(x, r, r / (r + mean)).sum(1)
    return -float(density.mean()) + kl(outputs)


def with_self_masking(samples: int) -> Objective:
    """-log 1/K sum_k p(x_o | z_k) p(s | x_o, x_k) p(z_k) / q(z_k | x_o), Ipsen (2021), eq. 5."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        mean, log_var = (outputs[k].repeat(samples, axis=0) for k in ("mean", "log_var"))
        tensors = {"mean": ops.convert_to_tensor(mean), "log_var": ops.convert_to_tensor(log_var)}
        z = ops.convert_to_numpy(model.bottleneck.draw(tensors)["latent"])
        decoded = ops.convert_to_numpy(model.decoder(z)).astype("f8")
        noise = ops.convert_to_numpy(model.likelihood.noise.normal(decoded.shape))
        scale = np.exp(0.5 * float(ops.convert_to_numpy(model.likelihood.of.log_variance)))
        x = x.repeat(samples, axis=0)
        seen = ~np.isnan(x)
        rows = np.where(seen, x, decoded + scale * noise)
        density = (seen * stats.norm(decoded, scale).logpdf(np.where(seen, x, 0))).sum(1)
        slope, threshold = (
            ops.convert_to_numpy(w) for w in (model.likelihood.slope, model.likelihood.threshold)
        )
        logits = -slope * (rows - threshold)
        density += (seen * log_expit(logits) + ~seen * log_expit(-logits)).sum(1)
        log_w = density + log_normal(z) - log_normal(z, mean, log_var)
        return -float(np.mean(logsumexp(log_w.reshape(-1, samples), axis=1) - math.log(samples)))

    return objective


STRUCTURED = [
    Case(
        "not_miwae",
        with_self_masking(4),
        {"latent_dim": 2, "hidden": [8], "samples": 4},
        distortion="importance_weighted",
        gaps=0.3,
    ),
    Case("count_vae", shared_dispersion, {"latent_dim": 2, "hidden": [8]}, most=9),
    Case("multinomial_vae", shared_totals(0.2), {"latent_dim": 2, "hidden": [8]}, most=9),
    Case(
        "missing_data_iwae",
        over_observed_entries(4),
        {"latent_dim": 2, "hidden": [8], "samples": 4},
        distortion="importance_weighted",
        gaps=0.3,
    ),
]
