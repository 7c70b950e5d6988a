"""The rows of the variational family."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops
from scipy.special import ive, logsumexp, softmax
from scipy.stats import norm

from tests.contract.cases import (
    BERNOULLI,
    SMALL,
    Arrays,
    Case,
    Objective,
    cross_entropy,
    kl,
    negative_elbo,
)
from tests.jacobians import jacobian

IW = "importance_weighted"


def log_normal(z: np.ndarray, mean: Any = 0.0, log_var: Any = 0.0) -> np.ndarray:
    """Log N(z; mean, diag exp(log_var)) of each row."""
    density: np.ndarray = norm.logpdf(z, mean, np.exp(0.5 * np.asarray(log_var, "f8"))).sum(-1)
    return density


def with_capacity(gamma: float, capacity: float) -> Objective:
    """E_q -log p(x | z) + gamma |KL - C|, Burgess et al. (2018), eq. 8."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        mean, log_var = (outputs[k].astype("f8") for k in ("mean", "log_var"))
        rates = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(1)
        return cross_entropy(x, outputs, model) + gamma * float(np.abs(rates - capacity).mean())

    return objective


def with_found_variance(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """-log N(x; decoded, s^2) + KL, s^2 as far as it was found: 1 before any step."""
    return -float(log_normal(x, outputs["decoded"]).mean()) + kl(outputs)


def with_decomposed_kl(weights: tuple[float, float, float], rows: int) -> Objective:
    """E_q -log p(x | z) + alpha I + beta TC + gamma sum KL_j, Chen et al. (2018), eq. 2 and C.2."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        z, mean, log_var = (outputs[k].astype("f8") for k in ("latent", "mean", "log_var"))
        size = len(z)
        shares = np.full((size, size), 1 / (size - 1))
        for i in range(size):
            shares[i, i] = 1 / rows
            shares[i, (i + 1) % size] = (rows - size + 1) / (rows * (size - 1))
        each = norm.logpdf(z[:, None], mean, np.exp(0.5 * log_var))
        joint = logsumexp(each.sum(2), b=shares, axis=1)
        apart = logsumexp(each, b=shares[..., None], axis=1).sum(1)
        parts = (log_normal(z, mean, log_var) - joint, joint - apart, apart - log_normal(z))
        total = sum(w * part.mean() for w, part in zip(weights, parts, strict=True))
        return cross_entropy(x, outputs, model) + float(total)

    return objective


def with_covariance(off_diagonal: float, diagonal: float) -> Objective:
    """VAE + off sum_(i != j) C_ij^2 + diag sum_i (C_ii - 1)^2, Kumar et al. (2018), eq. 7."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        covariance = np.cov(outputs["mean"].T.astype("f8"), bias=True)
        covariance += np.diag(np.exp(outputs["log_var"].astype("f8")).mean(0))
        others = covariance - np.diag(np.diag(covariance))
        penalty = off_diagonal * (others**2).sum()
        penalty += diagonal * ((np.diag(covariance) - 1) ** 2).sum()
        return negative_elbo(1.0)(x, outputs, model) + float(penalty)

    return objective


def with_discrepancy(alpha: float, scale: float) -> Objective:
    """VAE with (1 - alpha) KL + (alpha + lambda - 1) MMD, Zhao et al. (2019), eq. 6."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        codes = outputs["latent"].astype("f8")
        noise = model.objective[2].noise
        drawn = ops.convert_to_numpy(model.prior.sample(codes.shape, noise, False, model))

        def mean(a: np.ndarray, b: np.ndarray, same: bool) -> float:
            values = [
                math.exp(-((p - q) ** 2).sum() / (2 * codes.shape[1]))
                for i, p in enumerate(a)
                for j, q in enumerate(b)
                if not (same and i == j)
            ]
            return sum(values) / len(values)

        mmd = mean(codes, codes, True) + mean(drawn, drawn, True) - 2 * mean(codes, drawn, False)
        total = cross_entropy(x, outputs, model) + (1 - alpha) * kl(outputs)
        return total + (alpha + scale - 1) * mmd

    return objective


def log_weights(x: np.ndarray, outputs: Arrays, model: Any, samples: int) -> np.ndarray:
    """Log p(x | z) + log p(z) - log q(z | x) at draws of each row, `(rows, samples)`."""
    parameters = {k: outputs[k].repeat(samples, axis=0) for k in ("mean", "log_var")}
    tensors = {k: ops.convert_to_tensor(v) for k, v in parameters.items()}
    z = ops.convert_to_numpy(model.bottleneck.draw(tensors)["latent"])
    logits = ops.convert_to_numpy(model.decoder(z)).astype("f8")
    rows = x.repeat(samples, axis=0)
    likelihood = (rows * logits - np.logaddexp(0, logits)).sum(1)
    rate = log_normal(z, parameters["mean"], parameters["log_var"]) - log_normal(z)
    weights: np.ndarray = (likelihood - rate).reshape(len(x), samples)
    return weights


def importance_weighted(samples: int, estimates: int = 1, share: float = 0.0) -> Objective:
    """-share ELBO - (1 - share) 1/M sum_m log 1/K sum_k w, Burda (2016), Rainforth (2018)."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        log_w = log_weights(x, outputs, model, samples * estimates)
        each = logsumexp(log_w.reshape(len(x), estimates, samples), axis=2) - math.log(samples)
        return -float(share * log_w.mean() + (1 - share) * each.mean())

    return objective


def with_mixture(weights: np.ndarray, z: np.ndarray, means: Any, log_vars: Any) -> np.ndarray:
    """Log sum_k pi_k N(z; mean_k, diag exp(log_var_k)) of each row."""
    each = [log_normal(z, m, s) for m, s in zip(means, log_vars, strict=True)]
    density: np.ndarray = logsumexp(np.stack(each, 1), b=weights, axis=1)
    return density


def posterior_density(outputs: Arrays) -> np.ndarray:
    """Log q(z | x) of each row's draw."""
    return log_normal(outputs["latent"], outputs["mean"], outputs["log_var"])


def with_vamp_prior(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """Log q(z | x) - log 1/K sum_k q(z | u_k), Tomczak and Welling (2018), eq. 9."""
    inputs = ops.convert_to_numpy(model.prior.pseudo_inputs.inputs).clip(0, 1)  # the support
    posteriors = model.posterior(inputs)
    even = np.full(len(inputs), 1 / len(inputs))
    prior = with_mixture(even, outputs["latent"], posteriors["mean"], posteriors["log_var"])
    return cross_entropy(x, outputs, model) + float((posterior_density(outputs) - prior).mean())


def mixture_of(model: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, means and log-variances of a mixture prior."""
    parts = (model.prior.logits, model.prior.means, model.prior.log_vars)
    logits, means, log_vars = (ops.convert_to_numpy(v).astype("f8") for v in parts)
    return softmax(logits), means, log_vars


def with_mixture_prior(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """Log q(z | x) - log sum_c pi_c N(z; mu_c, sigma_c^2)."""
    weights, means, log_vars = mixture_of(model)
    prior = with_mixture(weights, outputs["latent"], means, log_vars)
    return cross_entropy(x, outputs, model) + float((posterior_density(outputs) - prior).mean())


def with_clusters(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """The ELBO of Jiang et al. (2017), eq. 12, term by term."""
    weights, means, log_vars = mixture_of(model)
    z, mean, log_var = (outputs[k].astype("f8") for k in ("latent", "mean", "log_var"))
    log_joint = np.stack([log_normal(z, m, s) for m, s in zip(means, log_vars, strict=True)], 1)
    gamma = softmax(log_joint + np.log(weights), axis=1)
    apart = (np.exp(log_var)[:, None] + (mean[:, None] - means) ** 2) / np.exp(log_vars)
    spread = -0.5 * (gamma * (log_vars + apart).sum(2)).sum(1)
    chosen = (gamma * np.log(weights / gamma)).sum(1)
    own = 0.5 * (1 + log_var).sum(1)
    return cross_entropy(x, outputs, model) - float((spread + chosen + own).mean())


def log_det(flow: Any, z: np.ndarray, *context: np.ndarray) -> np.ndarray:
    """log|det| of the map of each row, by automatic differentiation."""
    rows = jacobian(lambda a: flow.transform(a, *context)[0], z)
    found: np.ndarray = np.linalg.slogdet(rows.astype("f8"))[1]
    return found


def with_flow_posterior(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """Log q(z_0 | x) - log|det dz_K/dz_0| - log p(z_K), Rezende and Mohamed (2015), eq. 15."""
    mean, log_var = outputs["base_mean"], outputs["base_log_var"]
    model.bottleneck.noise.reset_evaluation(0)
    epsilon = ops.convert_to_numpy(model.bottleneck.noise.normal(mean.shape))
    start = (mean + np.exp(0.5 * log_var) * epsilon).astype("f4")
    volume = log_det(model.bottleneck.flow, start, outputs["context"])
    rate = log_normal(start, mean, log_var) - volume - log_normal(outputs["latent"])
    return cross_entropy(x, outputs, model) + float(rate.mean())


def with_flow_prior(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """Log q(z | x) - log N(f^-1(z); 0, I) + log|det df/dz_0|, Dinh et al. (2017), eq. 2."""
    base = ops.convert_to_numpy(model.prior.flow.invert(outputs["latent"])[0])
    prior = log_normal(base) - log_det(model.prior.flow, base)
    return cross_entropy(x, outputs, model) + float((posterior_density(outputs) - prior).mean())


def kl_uniform(logits: np.ndarray) -> np.ndarray:
    """KL(Cat(logits) || uniform) over the last axis."""
    p = softmax(logits.astype("f8"), axis=-1)
    divergence: np.ndarray = (p * np.log(p * p.shape[-1])).sum(-1)
    return divergence


def with_categories(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """Jang et al. (2017), section 4.2: the rate of the discrete distributions."""
    return cross_entropy(x, outputs, model) + float(kl_uniform(outputs["logits"]).sum(1).mean())


def with_bits(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """KL(Bernoulli || Bernoulli(1/2)) of each bit."""
    logits = outputs["logits"].astype("f8")
    rates = kl_uniform(np.stack([logits, np.zeros_like(logits)], -1)).sum(1)
    return cross_entropy(x, outputs, model) + float(rates.mean())


def with_joint_capacities(gamma: float, start: float) -> Objective:
    """R + gamma |KL_z - C_z| + gamma |KL_c - C_c| before any step, Dupont (2018), eq. 7."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        mean, log_var = (outputs[k].astype("f8") for k in ("mean", "log_var"))
        numbers = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(1)
        variables = kl_uniform(outputs["logits"][:, :3]) + kl_uniform(outputs["logits"][:, 3:])
        rates = np.abs(numbers - start) + np.abs(variables - start)
        return cross_entropy(x, outputs, model) + gamma * float(rates.mean())

    return objective


def on_sphere(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """KL(vMF || uniform), Davidson et al. (2018), section 3.2, by Bessel functions."""
    k = outputs["concentration"].astype("f8")[:, 0]
    d = outputs["direction"].shape[1]
    log_bessel = [np.log(ive(d / 2 - i, k)) + k for i in (1, 0)]
    log_c = (d / 2 - 1) * np.log(k) - d / 2 * math.log(2 * math.pi) - log_bessel[0]
    log_area = math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2)
    rates = k * np.exp(log_bessel[1] - log_bessel[0]) + log_c + log_area
    return cross_entropy(x, outputs, model) + float(rates.mean())


def in_ball(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """Log q(z | x) - log p(z) of wrapped normals at c = 1, Mathieu et al. (2019), section 3."""
    z, mean, log_var = (outputs[k].astype("f8") for k in ("latent", "mean", "log_var"))

    def add(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        ab, aa, bb = (np.sum(p * q, 1, keepdims=True) for p, q in ((a, b), (a, a), (b, b)))
        sum_: np.ndarray = ((1 + 2 * ab + bb) * a + (1 - aa) * b) / (1 + 2 * ab + aa * bb)
        return sum_

    def density(mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
        way = add(-mean, z)
        length = np.linalg.norm(way, axis=1, keepdims=True)
        distance = 2 * np.arctanh(length)
        # The tangent vector at the mean in units of hyperbolic length: lambda_mean log_mean(z).
        velocity = distance * way / length
        volume = (z.shape[1] - 1) * np.log(np.sinh(distance[:, 0]) / distance[:, 0])
        found: np.ndarray = log_normal(velocity, 0.0, log_var) - volume
        return found

    rates = density(mean, log_var) - density(0 * mean, 0 * log_var)
    return cross_entropy(x, outputs, model) + float(rates.mean())


FLOW: dict[str, Any] = {**BERNOULLI, "context_dim": 4}

VARIATIONAL = [
    Case("capacity_vae", with_capacity(30.0, 0.0), {**BERNOULLI, "gamma": 30.0}),
    Case("sigma_vae", with_found_variance, SMALL),
    Case(
        "beta_tc_vae",
        with_decomposed_kl((1.5, 4.0, 0.5), 100),
        {**BERNOULLI, "alpha": 1.5, "beta": 4.0, "gamma": 0.5, "dataset_size": 100},
    ),
    Case(
        "dip_vae",
        with_covariance(5.0, 2.0),
        {**BERNOULLI, "kind": "ii", "off_diagonal": 5.0, "diagonal": 2.0},
    ),
    Case("info_vae", with_discrepancy(0.25, 10.0), {**BERNOULLI, "alpha": 0.25, "scale": 10.0}),
    Case("iwae", importance_weighted(5), {**BERNOULLI, "samples": 5}, distortion=IW),
    Case(
        "miwae",
        importance_weighted(3, 2),
        {**BERNOULLI, "samples": 3, "estimates": 2},
        distortion=IW,
    ),
    Case(
        "piwae", importance_weighted(6), {**BERNOULLI, "samples": 3, "estimates": 2}, distortion=IW
    ),
    Case(
        "ciwae",
        importance_weighted(5, 1, 0.25),
        {**BERNOULLI, "samples": 5, "beta": 0.25, "gradient": "dreg"},
        distortion=IW,
    ),
    Case("vamp_vae", with_vamp_prior, {**BERNOULLI, "components": 4}),
    Case("mixture_vae", with_mixture_prior, {**BERNOULLI, "components": 3}),
    Case("vade", with_clusters, {**BERNOULLI, "components": 3, "pretrain_epochs": 1}),
    Case("flow_posterior_vae", with_flow_posterior, {**FLOW, "flow": "planar", "depth": 2}),
    Case("iaf_vae", with_flow_posterior, {**FLOW, "steps": 2, "flow_hidden": [8]}),
    Case("flow_prior_vae", with_flow_prior, BERNOULLI),
    Case("categorical_vae", with_categories, {**BERNOULLI, "categories": 4}),
    Case("bernoulli_vae", with_bits, BERNOULLI),
    Case(
        "joint_vae",
        with_joint_capacities(20.0, 0.0),
        {**BERNOULLI, "categories": [3, 4], "gamma": 20.0},
    ),
    Case("hyperspherical_vae", on_sphere, BERNOULLI),
    Case("poincare_vae", in_ball, BERNOULLI),
    Case(
        "two_stage_vae",
        with_found_variance,
        {**SMALL, "second_hidden": [8], "second_epochs": 2},
    ),
]
