"""The geometry of the Poincaré ball in float64, from Ganea et al. (2018), section 2."""

from __future__ import annotations

import numpy as np

CURVATURES = (0.5, 1.0, 2.0)


def points(*shape: int, curvature: float, largest: float = 0.95, seed: int = 0) -> np.ndarray:
    """Return points of the ball, float32, with norms up to a part of its radius."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    norm = largest * rng.uniform(size=(*shape[:-1], 1)) / np.sqrt(curvature)
    return (norm * x / np.linalg.norm(x, axis=-1, keepdims=True)).astype("float32")


def conformal_factor(x: np.ndarray, c: float) -> np.ndarray:
    """Return lambda_x = 2 / (1 - c |x|^2)."""
    return 2 / (1 - c * _dot(x, x))


def mobius_add(x: np.ndarray, y: np.ndarray, c: float) -> np.ndarray:
    """Return the sum of x and y."""
    x, y = x.astype("float64"), y.astype("float64")
    along = (1 + 2 * c * _dot(x, y) + c * _dot(y, y)) * x + (1 - c * _dot(x, x)) * y
    return along / (1 + 2 * c * _dot(x, y) + c**2 * _dot(x, x) * _dot(y, y))


def exp_map(x: np.ndarray, v: np.ndarray, c: float) -> np.ndarray:
    """Return the end of the geodesic from x with velocity v, at time 1."""
    norm = np.sqrt(c * _dot(v, v))
    return mobius_add(x, np.tanh(conformal_factor(x, c) * norm / 2) * v / norm, c)


def log_map(x: np.ndarray, y: np.ndarray, c: float) -> np.ndarray:
    """Return the velocity at x of the geodesic that is at y at time 1."""
    step = mobius_add(-x, y, c)
    norm = np.sqrt(c * _dot(step, step))
    return 2 / conformal_factor(x, c) * np.arctanh(norm) * step / norm


def distance(x: np.ndarray, y: np.ndarray, c: float) -> np.ndarray:
    """Return arcosh(1 + 2 c |x - y|^2 / ((1 - c |x|^2)(1 - c |y|^2))) / sqrt(c)."""
    difference = x.astype("float64") - y.astype("float64")
    excess = 2 * c * _dot(difference, difference) / (1 - c * _dot(x, x)) / (1 - c * _dot(y, y))
    # arcosh(1 + e) = log1p(e + sqrt(e (e + 2))), which keeps a small e's digits.
    return np.log1p(excess + np.sqrt(excess * (excess + 2)))[..., 0] / np.sqrt(c)


def _dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sum(x.astype("float64") * y.astype("float64"), axis=-1, keepdims=True)
