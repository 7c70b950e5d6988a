"""The rows of variants in which who sees what differs: gaps, counts, pairs, several parts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops
from scipy import stats
from scipy.special import expit, gammaln, log_expit, log_softmax, logsumexp

from tests.contract.cases import (
    BERNOULLI,
    Arrays,
    Case,
    Objective,
    cross_entropy,
    half_squared_error,
    kl,
)
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


def of_groups(shared: int | None, size: int = 2) -> Objective:
    """-log p(x_i | z_i) + KL with pooled posteriors, Locatello (2020), Bouchacourt (2018)."""

    def objective(groups: np.ndarray, outputs: Arrays, model: Any) -> float:
        x = groups.reshape(-1, groups.shape[-1])
        h = ops.convert_to_numpy(model.encoder(x)).astype("f8")
        heads = (model.bottleneck.mean_head, model.bottleneck.log_var_head)
        weights = [[np.array(w, "f8") for w in head.get_weights()] for head in heads]
        mean, log_var = (h @ kernel + bias for kernel, bias in weights)
        total = 0.0
        for start in range(0, len(x), size):
            rows = slice(start, start + size)
            means, variances = mean[rows].copy(), np.exp(log_var[rows])
            if shared is None:
                (a, b), (s, t) = means, variances
                apart = 0.5 * (s / t + (a - b) ** 2 / t - 1 - np.log(s / t))
                chosen = apart < (apart.min() + apart.max()) / 2
                pooled, variance, share = means.mean(0), variances.mean(0), 1.0
            else:
                chosen = np.arange(means.shape[1]) < shared
                variance = 1 / (1 / variances).sum(0)
                pooled, share = variance * (means / variances).sum(0), 1 / size
            means[:, chosen], variances[:, chosen] = pooled[chosen], variance[chosen]
            np.testing.assert_allclose(outputs["mean"][rows], means, atol=1e-5)
            rate = -0.5 * (1 + np.log(variances) - means**2 - variances)
            total += (rate * np.where(chosen, share, 1.0)).sum()
        return cross_entropy(x, outputs, model) + total / len(x)

    return objective


def with_few_labels(data: Any, outputs: Arrays, model: Any) -> float:
    """L(x, y) - alpha log q(y | x), or sum_y q (L + log q), Kingma et al. (2014), eq. 6 to 9."""
    x, labels = data["x"].astype("f8"), data["condition"]
    term, classes = model.objective[0], model.condition.categories
    many = x.repeat(classes, axis=0)
    every = np.tile(np.eye(classes), (len(x), 1))
    h = ops.convert_to_numpy(model.encoder(np.concatenate([many, every], 1).astype("f4")))
    given = ops.convert_to_tensor(h)
    tensors = {
        "mean": model.bottleneck.mean_head(given),
        "log_var": model.bottleneck.log_var_head(given),
    }
    z = ops.convert_to_numpy(model.bottleneck.draw(tensors)["latent"])
    mean, log_var = (ops.convert_to_numpy(tensors[key]).astype("f8") for key in tensors)
    logits = ops.convert_to_numpy(model.decoder(np.concatenate([z, every], 1).astype("f4")))
    density = (many * logits - np.logaddexp(0, logits.astype("f8"))).sum(1)
    rate = -0.5 * (1 + log_var - mean**2 - np.exp(log_var)).sum(1)
    each = (rate - density + np.log(classes)).reshape(-1, classes)
    log_q = log_softmax(ops.convert_to_numpy(term.classifier(data["x"])).astype("f8"), axis=1)
    unlabelled = (np.exp(log_q) * (each + log_q)).sum(1)
    chosen = np.maximum(labels, 0)
    rows = np.arange(len(x))
    labelled = each[rows, chosen] - 0.1 * log_q[rows, chosen]
    return float(np.where(labels >= 0, labelled, unlabelled).mean())


def of_modalities(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """-sum_m lambda_m log p(x_m | z) + KL, all and one by one, Wu and Goodman (2018), sec. 2.3."""
    scale = np.array([1.0] * 6 + [3.0] * 4)

    def bound(rows: np.ndarray, z: np.ndarray) -> np.ndarray:
        given = model.posterior(rows)
        logits = ops.convert_to_numpy(model.decoder(z)).astype("f8")
        density = np.nansum(scale * (rows * logits - np.logaddexp(0, logits)), axis=1)
        mean, log_var = given["mean"].astype("f8"), given["log_var"].astype("f8")
        return np.asarray(0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(1) - density)

    total = bound(x, outputs["latent"])
    shape = (len(x), 2, model.latent_shape[0])
    epsilon = ops.convert_to_numpy(model.bottleneck.noise.normal((2 * len(x), shape[2])))
    for m, columns in enumerate((slice(0, 6), slice(6, 10))):
        alone = np.full_like(x, np.nan)
        alone[:, columns] = x[:, columns]
        given = model.posterior(alone)
        noise = epsilon.reshape(shape)[:, m]
        z = given["mean"] + np.exp(0.5 * given["log_var"]) * noise
        total = total + bound(alone, z.astype("f4"))
    return float(total.mean())


TWO_VIEWS = {
    "a": {"shape": [3, 2], "encoder": "conv", "hidden": [4], "likelihood": "bernoulli"},
    "b": {"shape": 4, "hidden": [5], "likelihood": "bernoulli", "scale": 3.0},
}


def of_sequences(beta: float) -> Objective:
    """-log N(x_1..T; decoded, I) + beta KL, Fabius and van Amersfoort (2014), eq. 1."""
    return lambda x, outputs, model: half_squared_error(x, outputs, model) + beta * kl(outputs)


def step_by_step(beta: float) -> Objective:
    """-sum_t log p(x_t | z_<=t, x_<t) + beta KL(q || p) of each step, Chung (2015), eq. 11."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        code, network = model.bottleneck, model.decoder.get_layer("step_decoder")

        def dense(layer: Any, *parts: np.ndarray) -> np.ndarray:
            kernel, bias = (np.array(w, "f8") for w in layer.get_weights())
            found = np.concatenate(parts, axis=1) @ kernel + bias
            return np.maximum(found, 0) if layer.activation.__name__ == "relu" else found

        kernel, recurrent, bias = (np.array(w, "f8") for w in code.cell.get_weights())
        h = carry = np.zeros((len(x), code.units))
        total = np.zeros(len(x))
        for t in range(x.shape[1]):
            read = dense(network.features.dense[0], x[:, t].astype("f8"))
            m_0, v_0 = np.split(dense(code.prior_head, dense(code.prior_hidden, h)), 2, axis=1)
            q = dense(code.posterior_head, dense(code.posterior_hidden, read, h))
            m, v = np.split(q, 2, axis=1)
            rate = 0.5 * (v_0 - v + (np.exp(v) + (m - m_0) ** 2) / np.exp(v_0) - 1)
            z = m_0 + np.exp(v_0 / 2) * outputs["latent"][:, t]
            embedded = dense(code.embedding, z)
            decoded = dense(network.last, dense(network.dense[0], embedded, h))
            total += beta * rate.sum(1) - stats.norm(decoded).logpdf(x[:, t]).sum(1)
            gates = np.concatenate([read, embedded], axis=1) @ kernel + h @ recurrent + bias
            i, f, c, o = np.split(gates, 4, axis=1)
            carry = expit(f) * carry + expit(i) * np.tanh(c)
            h = expit(o) * np.tanh(carry)
        return float(total.mean())

    return objective


def of_graphs(beta: float) -> Objective:
    """-sum_ij log p(A_ij | z_i' z_j) + beta KL, Kipf and Welling (2016), section 2."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        z = outputs["latent"].astype("f8")
        logits = np.einsum("bid,bjd->bij", z, z)
        each = np.where(x > 0, 2.0, 1.0) * (log_expit(np.where(x > 0, logits, -logits)))
        density = (each * (1 - np.eye(x.shape[1]))).sum((1, 2))
        rate = 0.0
        if beta:
            mean, log_var = outputs["mean"].astype("f8"), outputs["log_var"].astype("f8")
            rate = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum((1, 2)).mean()
        return float(beta * rate - density.mean())

    return objective


GRAPHS: dict[str, Any] = {"event_shape": (6, 6), "graphs": True}
GRAPH = {"latent_dim": 2, "hidden": [5], "edge_weight": 2.0}
STRUCTURED = [
    Case("graph_autoencoder", of_graphs(0.0), GRAPH, **GRAPHS),
    Case("variational_graph_autoencoder", of_graphs(0.5), {**GRAPH, "beta": 0.5}, **GRAPHS),
    Case(
        "vrnn",
        step_by_step(0.7),
        {"latent_dim": 2, "units": 6, "hidden": [5], "beta": 0.7},
        event_shape=(4, 2),
    ),
    Case(
        "sequence_vae",
        of_sequences(0.3),
        {"latent_dim": 2, "hidden": [6], "beta": 0.3},
        event_shape=(5, 2),
    ),
    Case(
        "multimodal_vae",
        of_modalities,
        {"latent_dim": 2, "modalities": TWO_VIEWS},
        distortion="modal_bound",
        gaps=0.2,
    ),
    Case(
        "semi_supervised_vae",
        with_few_labels,
        {**BERNOULLI, "condition": {"name": "label", "categories": 3}, "classifier_hidden": [4]},
        distortion="semi_supervised",
        categories=3,
        unknown=2,
    ),
    Case("ada_gvae", of_groups(None), {**BERNOULLI, "latent_dim": 3}, group_size=2),
    Case(
        "ml_vae",
        of_groups(1, 3),
        {**BERNOULLI, "latent_dim": 3, "content_dim": 1, "group_size": 3},
        group_size=3,
    ),
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
