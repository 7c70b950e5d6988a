"""The rows of models whose codes are of a finite set."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops
from scipy.special import entr, log_softmax, logsumexp

from tests.contract.cases import Arrays, Case, Objective, half_squared_error, with_commitment


def features(x: np.ndarray, model: Any) -> np.ndarray:
    """The encoder's features as vectors before quantization, `(rows, tokens, width)`."""
    h = ops.convert_to_numpy(model.encoder(x)).astype("f8")
    kernel, bias = (np.array(w, "f8") for w in model.bottleneck.projection.get_weights())
    return np.asarray((h @ kernel + bias).reshape(len(x), model.bottleneck.tokens, -1))


def nearest(vectors: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return np.asarray(codes[((vectors[..., None, :] - codes) ** 2).sum(-1).argmin(-1)])


def alone(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """-log p(x | z_q), with z_q as Mentzer et al. (2024), section 3.1, have it."""
    z, levels = features(x, model), np.array(model.bottleneck.levels)
    half = (levels - 1) * 1.001 / 2
    offset = np.where(levels % 2, 0.0, 0.5)
    bounded = np.tanh(z + np.arctanh(offset / half)) * half - offset
    np.testing.assert_allclose(outputs["latent"], np.round(bounded) / (levels // 2), atol=1e-6)
    return half_squared_error(x, outputs, model)


def with_levels(weight: float) -> Objective:
    """Reconstruction + weight * sum_l |r_l - q_l|^2, Lee et al. (2022), equations 2 to 8."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        left, total = features(x, model), 0.0
        for part in model.bottleneck.parts:
            code = nearest(left, ops.convert_to_numpy(part.codebook).astype("f8"))
            left = left - code
            total += (left**2).sum() / len(x)
        return half_squared_error(x, outputs, model) + weight * total

    return objective


def with_mapped_codes(weight: float) -> Objective:
    """Reconstruction + (1 + weight) |z - C W|^2, Zhu et al. (2024), equations 6 and 7."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        table, z = model.bottleneck.table, features(x, model)
        codes = np.array(table.fixed, "f8") @ np.array(table.map, "f8")
        distance = ((z - nearest(z, codes)) ** 2).sum() / len(x)
        return half_squared_error(x, outputs, model) + (1 + weight) * distance

    return objective


def with_entropies(entropy: float, commitment: float, spherical: bool) -> Objective:
    """Reconstruction + entropy (E H(q) - H(E q)) + commitment |z - s|^2, all 2^d codes in turn.

    Yu et al. (2024), equation 4; Zhao et al. (2024), equations 6 to 9.
    """

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        z = features(x, model)
        bits = z.shape[-1]
        amplitude = 1.0
        if spherical:
            z, amplitude = z / np.linalg.norm(z, axis=-1, keepdims=True), bits**-0.5
        numbers = np.arange(2**bits)[:, None] >> np.arange(bits) & 1
        codes = amplitude * (2.0 * numbers - 1)
        log_q = log_softmax(2.0 * z @ codes.T, axis=-1)
        each = entr(np.exp(log_q)).sum(-1)
        together = entr(np.exp(log_q).mean((0, 1))).sum()
        code = np.where(z > 0, amplitude, -amplitude)
        loss = entropy * (each - together) + commitment * ((z - code) ** 2).sum(-1)
        return half_squared_error(x, outputs, model) + float(loss.sum(1).mean())

    return objective


def with_uniform_prior(beta: float) -> Objective:
    """E_q -log p(x | z_q) + beta KL(q(k | x) || uniform), Ramesh et al. (2021), equation 1."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        logits = features(x, model)
        log_q = log_softmax(logits, axis=-1)
        rate = (np.exp(log_q) * (log_q + math.log(logits.shape[-1]))).sum((1, 2)).mean()
        return half_squared_error(x, outputs, model) + beta * float(rate)

    return objective


def near_the_features(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """-log p + sum_i (E_q |z - e_k|^2 / 2 s^2 - H(q) + log K), Takida et al. (2022), section 4."""
    z, code = features(x, model), model.bottleneck
    codes = ops.convert_to_numpy(code.codebook).astype("f8")
    variance = math.exp(float(ops.convert_to_numpy(code.log_variance)))
    apart = ((z[..., None, :] - codes) ** 2).sum(-1) / (2 * variance)
    log_q = -apart - logsumexp(-apart, axis=-1, keepdims=True)
    rate = (np.exp(log_q) * (apart + log_q)).sum(-1) + math.log(len(codes))
    log_var = math.log(float(ops.convert_to_numpy(model.likelihood.variance)))
    error = (x - outputs["decoded"]).astype("f8") ** 2
    density = 0.5 * (error / math.exp(log_var) + log_var + math.log(2 * math.pi)).sum(1)
    return float(density.mean() + rate.sum(1).mean())


def with_two_maps(weight: float) -> Objective:
    """Reconstruction + weight * sum_l |z_l - q_l|^2, Razavi et al. (2019), equation 2, alg. 1."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        code = model.bottleneck

        def quantized(part: Any, h: Any) -> tuple[np.ndarray, float]:
            kernel, bias = (np.array(w, "f8") for w in part.projection.get_weights())
            z = ops.convert_to_numpy(h).astype("f8") @ kernel + bias
            q = nearest(z, ops.convert_to_numpy(part.codebook).astype("f8"))
            return q.astype("f4"), float(((z - q) ** 2).sum()) / len(x)

        h = model.bottleneck.project(model.encoder(x))
        top, of_top = quantized(code.parts[1], code.down[0](h))
        told = code.decode[0](ops.convert_to_tensor(top))
        bottom, of_bottom = quantized(code.parts[0], ops.concatenate([h, told], axis=-1))
        brought = ops.convert_to_numpy(code.up[0][0](ops.convert_to_tensor(top)))
        both = np.concatenate([bottom, brought], axis=-1)
        np.testing.assert_allclose(outputs["latent"], both, atol=1e-5)
        return half_squared_error(x, outputs, model) + weight * (of_top + of_bottom)

    return objective


def with_drawn_levels(beta: float, norm_weight: float) -> Objective:
    """-log p + beta sum_l KL(q_l || uniform) + norms' term, Hosking et al. (2022), section 3."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        code = model.bottleneck
        books = [ops.convert_to_numpy(book).astype("f8") for book in code.codebooks]
        z, total, rate = features(x, model), 0.0, 0.0
        for level, book in enumerate(books):
            apart = (((z - total)[..., None, :] - book) ** 2).sum(-1)
            log_q = log_softmax(-apart, axis=-1)
            rate += (np.exp(log_q) * (log_q + math.log(len(book)))).sum((1, 2)).mean()
            total = total + book[outputs["indices"][..., level]]
        np.testing.assert_allclose(outputs["latent"], total, atol=1e-5)
        lengths = [np.linalg.norm(book, axis=1) for book in books]
        ratios = [1.5 * b.max() / a.min() for a, b in itertools.pairwise(lengths)]
        growth = np.mean([max(ratio - 1, 0) ** 2 for ratio in ratios]) * z.shape[1]
        return half_squared_error(x, outputs, model) + beta * rate + norm_weight * growth

    return objective


def of_codes(outputs: Arrays) -> float:
    """|z_e - e|^2."""
    apart = (outputs["pre_quantized"] - outputs["quantized"]).astype("f8") ** 2
    return float(apart.sum((1, 2, 3)).mean())


def of_rate(outputs: Arrays) -> float:
    """KL(N(mean, diag var) || N(0, I)) of maps."""
    mean, log_var = outputs["mean"].astype("f8"), outputs["log_var"].astype("f8")
    return float(0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum((1, 2, 3)).mean())


def with_patches(
    perceptual: float, code: float, adversarial: float, cost: Callable[[Arrays], float]
) -> Objective:
    """L1 + features + code * cost - adversarial D(x~) + hinge, Esser et al. (2021), eq. 2 to 6.

    Rombach et al. (2022), equation 25, with a divergence for the cost.
    """

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        made, terms = outputs["decoded"], {term.name: term for term in model.objective}
        error = float((abs(x - made) + math.log(2)).sum((1, 2, 3)).mean())
        for a, b in zip(*(terms["perceptual"].features(v) for v in (x, made)), strict=True):
            difference = (ops.convert_to_numpy(a) - ops.convert_to_numpy(b)).astype("f8")
            error += perceptual * 0.5 * float((difference**2).mean())
        error += code * cost(outputs)
        true, false = (ops.convert_to_numpy(terms["patch_game"].critic(v)) for v in (x, made))
        hinge = 0.5 * (np.maximum(1 - true, 0).mean() + np.maximum(1 + false, 0).mean())
        return error - adversarial * float(false.mean()) + float(hinge)

    return objective


SMALL: dict[str, Any] = {"latent_dim": 2, "hidden": [8], "num_codes": 8, "tokens": 4}
BITS: dict[str, Any] = {"latent_dim": 4, "hidden": [8], "tokens": 4, "entropy": 0.3}
PATCHES: dict[str, Any] = {
    **{"latent_dim": 2, "hidden": [4], "critic_hidden": [4]},
    **{"perceptual": 2.0, "adversarial": 0.3, "adaptive": False},
}
QUANTIZED = [
    Case("vq_vae", with_commitment(0.25), SMALL),
    Case(
        "vq_vae_2",
        with_two_maps(0.25),
        {"latent_dim": 2, "hidden": [4], "num_codes": 6, "width": 3},
        event_shape=(6, 6, 1),
    ),
    Case(
        "vq_gan",
        with_patches(2.0, 0.25, 0.3, of_codes),
        {**PATCHES, "num_codes": 6},
        event_shape=(6, 6, 1),
    ),
    Case(
        "autoencoder_kl",
        with_patches(2.0, 0.1, 0.3, of_rate),
        {**PATCHES, "beta": 0.1},
        event_shape=(6, 6, 1),
    ),
    Case("fsq_vae", alone, {"levels": [8, 5, 4], "hidden": [8], "tokens": 4}),
    Case("rq_vae", with_levels(0.25), {**SMALL, "levels": 3}),
    Case("sim_vq_vae", with_mapped_codes(0.25), SMALL),
    Case("lfq_vae", with_entropies(0.3, 0.25, spherical=False), BITS),
    Case("bsq_vae", with_entropies(0.3, 0.25, spherical=True), BITS),
    Case("gumbel_vq_vae", with_uniform_prior(0.1), {**SMALL, "beta": 0.1}),
    Case("hrq_vae", with_drawn_levels(0.1, 0.5), {**SMALL, "levels": 2}),
    Case("sq_vae", near_the_features, SMALL),
]
