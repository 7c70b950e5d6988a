"""The variants that match the codes' distribution to the prior, and their objectives in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops
from scipy.special import hyp1f1, logsumexp

from tests.contract.cases import SMALL, Arrays, Case, Objective, half_squared_error


def _drawn(outputs: Arrays, model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes, and the draws that the matching term takes of the prior."""
    term, codes = model.objective[1], outputs["latent"]
    drawn = ops.convert_to_numpy(model.prior.sample(codes.shape, term.noise))
    return codes.astype("f8"), drawn.astype("f8")


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    found: np.ndarray = ((a[:, None] - b[None]) ** 2).sum(2)
    return found


def with_kernels(weight: float, kernel: str, scales: list[float]) -> Objective:
    """Reconstruction + weight * the unbiased MMD, Tolstikhin et al. (2018), algorithm 2."""

    def mean(a: np.ndarray, b: np.ndarray, apart: bool) -> float:
        squares, total = _squares(a, b), 0.0
        for scale in scales:
            c = 2 * a.shape[1] * scale**2
            values = c / (c + squares) if kernel == "imq" else np.exp(-squares / c)
            if apart:
                np.fill_diagonal(values, 0)
            total += values.sum() / (len(a) * (len(b) - apart))
        return total

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        z, p = _drawn(outputs, model)
        mmd = mean(z, z, True) + mean(p, p, True) - 2 * mean(z, p, False)
        return half_squared_error(x, outputs, model) + weight * mmd

    return objective


def with_slices(weight: float, projections: int) -> Objective:
    """Reconstruction + weight * mean squared difference of sorted projections."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        z, p = _drawn(outputs, model)
        lines = ops.convert_to_numpy(model.objective[1].noise.normal((z.shape[1], projections)))
        total = 0.0
        for line in lines.astype("f8").T:
            unit = line / np.linalg.norm(line)
            total += float(np.mean((np.sort(z @ unit) - np.sort(p @ unit)) ** 2))
        return half_squared_error(x, outputs, model) + weight * total / projections

    return objective


def with_transport(weight: float, epsilon: float) -> Objective:
    """Reconstruction + weight * Sinkhorn divergence, by alternating steps until nothing moves."""

    def cost(a: np.ndarray, b: np.ndarray) -> float:
        squares, strength = _squares(a, b), epsilon * 2 * a.shape[1]
        f, g = np.zeros(len(a)), np.zeros(len(b))
        for _ in range(5_000):
            f = -strength * logsumexp((g[None] - squares) / strength, axis=1, b=1 / len(b))
            g = -strength * logsumexp((f[:, None] - squares) / strength, axis=0, b=1 / len(a))
        plan = np.exp((f[:, None] + g[None] - squares) / strength) / (len(a) * len(b))
        entropy = np.sum(plan * np.log(plan * len(a) * len(b)))
        return float(np.sum(plan * squares) + strength * entropy)

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        z, p = _drawn(outputs, model)
        divergence = cost(z, p) - 0.5 * (cost(z, z) + cost(p, p))
        return half_squared_error(x, outputs, model) + weight * divergence

    return objective


def with_cramer_wold(weight: float) -> Objective:
    """Reconstruction + weight * log of the distance of Knop et al. (2020), theorem 3."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        z = outputs["latent"].astype("f8")
        n, d = z.shape
        gamma = (4 / (3 * n)) ** (2 / 5)
        among = hyp1f1(0.5, d / 2, -_squares(z, z) / (4 * gamma)).mean() / np.sqrt(gamma)
        between = hyp1f1(0.5, d / 2, -(z**2).sum(1) / (4 * gamma + 2)).mean()
        both = among + 1 / np.sqrt(1 + gamma) - 2 * between / np.sqrt(gamma + 0.5)
        squared = both / (2 * np.sqrt(np.pi))
        return half_squared_error(x, outputs, model) + weight * float(np.log(squared))

    return objective


MATCHING = [
    Case(
        "wae_mmd",
        with_kernels(5.0, "imq", [0.5, 2.0]),
        {**SMALL, "matching": 5.0, "scales": [0.5, 2.0]},
    ),
    Case("sliced_wae", with_slices(5.0, 7), {**SMALL, "matching": 5.0, "projections": 7}),
    Case(
        "sinkhorn_autoencoder",
        with_transport(5.0, 0.2),
        {**SMALL, "matching": 5.0, "epsilon": 0.2, "iterations": 200},
    ),
    Case("cramer_wold_autoencoder", with_cramer_wold(0.5), {**SMALL, "matching": 0.5}),
]
