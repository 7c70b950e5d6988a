"""The objectives of models whose draws are moved by dynamics, in NumPy from their weights."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

Arrays = dict[str, np.ndarray]
Function = Callable[..., np.ndarray]


def tempered_leapfrog(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """E[-log p(x, z_K) - log N(r_K) + log q(z_0 | x) + log N(n)], Caterini (2018), algorithm 1."""
    force, step, roots = _force(x, model), _step(model), _roots(model)
    z, noise = _wide(outputs["start"]), _wide(outputs["momentum"])
    r = noise / roots[0]
    for before, after in itertools.pairwise(roots):
        half = r - 0.5 * step * force(z)
        z = z + step * half
        r = before / after * (half - 0.5 * step * force(z))
    return _bound(x, outputs, model, z, _normal(r) - _normal(noise))


def curved_leapfrog(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """The same over the metric of kept rows, Chadebec (2020), section 3."""
    inverse, force, step, roots = _metric(model), _force(x, model), _step(model), _roots(model)

    def velocity(z: np.ndarray, r: np.ndarray) -> np.ndarray:
        return np.stack([inverse(p) @ q for p, q in zip(z, r, strict=True)])

    def log_density(z: np.ndarray, r: np.ndarray) -> np.ndarray:
        found = []
        for p, q in zip(z, r, strict=True):
            half_log_det = 0.5 * np.log(np.linalg.det(inverse(p)))
            found.append(half_log_det - 0.5 * q @ inverse(p) @ q - _constant(q))
        return np.array(found)

    def curvature(z: np.ndarray, r: np.ndarray) -> np.ndarray:
        steps = 1e-5 * np.eye(z.shape[1])
        slopes = [(log_density(z - s, r) - log_density(z + s, r)) / 2e-5 for s in steps]
        return np.stack(slopes, axis=1)

    z, noise = _wide(outputs["start"]), _wide(outputs["momentum"])
    roots_of_metric = [np.linalg.cholesky(inverse(p)) for p in z]
    r = np.stack([np.linalg.solve(c.T, n) for c, n in zip(roots_of_metric, noise, strict=True)])
    start = log_density(z, r)
    r = r / roots[0]
    for before, after in itertools.pairwise(roots):
        pushed = half = r - 0.5 * step * force(z)
        for _ in range(3):
            half = pushed - 0.5 * step * curvature(z, half)
        end, here = z, velocity(z, half)
        for _ in range(3):
            end = z + 0.5 * step * (here + velocity(end, half))
        z = end
        r = before / after * (half - 0.5 * step * (force(z) + curvature(z, half)))
    return _bound(x, outputs, model, z, log_density(z, r) - start)


def _metric(model: Any) -> Function:
    """Return G^{-1} of one place."""
    code = model.bottleneck
    kernel, bias = map(_wide, model.encoder.get_weights())
    rows = np.clip(_wide(code.rows), 0, 1)  # noise before a training
    features = np.maximum(rows @ kernel + bias, 0)

    def head(layer: Any) -> np.ndarray:
        kernel, bias = map(_wide, layer.get_weights())
        return features @ kernel + bias

    centres, size = head(code.mean_head), code.latent_shape[0]
    factors = np.zeros((len(centres), size, size))
    entries = np.tanh(head(code.factor_head))
    factors[:, *np.diag_indices(size)] = np.exp(1.5 * entries[:, :size])
    factors[:, *np.tril_indices(size, -1)] = entries[:, size:] / np.sqrt(size)

    def inverse(z: np.ndarray) -> np.ndarray:
        weights = np.exp(-((z - centres) ** 2).sum(1) / code.temperature**2)
        sums = np.einsum("n,nij,nkj->ik", weights, factors, factors)
        return sums + code.regularization * np.eye(size)

    return inverse


def _decoded(model: Any, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what a layer of ReLUs decodes, and its derivative by z, `(rows, d, numbers)`."""
    first, first_bias, last, last_bias = map(_wide, model.decoder.get_weights())
    a = z @ first + first_bias
    slope = first * (a > 0)[:, None, :]
    return np.maximum(a, 0) @ last + last_bias, slope @ last


def _force(x: np.ndarray, model: Any) -> Function:
    """Return the gradient of -log Bernoulli(x; sigmoid(decoded)) - log N(z; 0, I)."""

    def force(z: np.ndarray) -> np.ndarray:
        logits, slope = _decoded(model, z)
        error = 1 / (1 + np.exp(-logits)) - x
        return (slope * error[:, None, :]).sum(2) + z

    return force


def _bound(x: np.ndarray, outputs: Arrays, model: Any, z: np.ndarray, gain: np.ndarray) -> float:
    p = 1 / (1 + np.exp(-_decoded(model, z)[0]))
    likelihood = (x * np.log(p) + (1 - x) * np.log1p(-p)).sum(1)
    deviation = np.exp(0.5 * _wide(outputs["base_log_var"]))
    away = (_wide(outputs["start"]) - outputs["base_mean"]) / deviation
    base = _normal(away) - np.log(deviation).sum(1)
    return float(np.mean(base - gain - likelihood - _normal(z)))


def _step(model: Any) -> np.ndarray:
    return 1 / (1 + np.exp(-_wide(model.bottleneck.step_odds)))


def _roots(model: Any) -> np.ndarray:
    """Return sqrt(beta_0), ..., sqrt(beta_K)."""
    beta = 0.01 + 0.99 / (1 + np.exp(-float(_wide(model.bottleneck.beta_odds))))
    share = np.arange(model.bottleneck.leapfrog_steps + 1) / model.bottleneck.leapfrog_steps
    return 1 / ((1 - 1 / np.sqrt(beta)) * share**2 + 1 / np.sqrt(beta))


def _normal(z: np.ndarray) -> np.ndarray:
    return -0.5 * (z**2).sum(1) - _constant(z[0])


def _constant(z: np.ndarray) -> float:
    return 0.5 * len(z) * float(np.log(2 * np.pi))


def _wide(array: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(array), "float64")
