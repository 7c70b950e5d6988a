"""Quantizers in NumPy, float64, from their papers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def distances(points: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return |z - e_k|^2, `(..., K)`."""
    points, codes = np.asarray(points, "f8"), np.asarray(codes, "f8")
    return np.asarray(((points[..., None, :] - codes) ** 2).sum(-1))


def nearest(points: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the number of the nearest code, the lowest of equally near ones, `(...)`."""
    return np.asarray(distances(points, codes).argmin(-1))


def margin(points: np.ndarray, codes: np.ndarray) -> float:
    """Return by how much the second nearest codes are farther than the nearest, at least."""
    two = np.sort(distances(points, codes), axis=-1)[..., :2]
    return float((two[..., 1] - two[..., 0]).min())


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors of length one."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def number(digits: np.ndarray, bases: Sequence[int]) -> np.ndarray:
    """Return sum_i digit_i prod_j<i base_j."""
    found, place = np.zeros(digits.shape[:-1], "i8"), 1
    for i, base in enumerate(bases):
        found += digits[..., i].astype("i8") * place
        place *= base
    return found


class Finite:
    """Mentzer et al. (2024), appendix A.1, with atanh for the shift of even numbers of levels.

    Args:
        levels: L_1, ..., L_d.
    """

    def __init__(self, levels: Sequence[int]) -> None:
        self.levels = np.array(levels)
        self.half = (self.levels - 1) * (1 + 1e-3) / 2
        self.offset = np.where(self.levels % 2, 0.0, 0.5)
        self.shift = np.arctanh(self.offset / self.half)
        self.unit = self.levels // 2

    def bounded(self, z: np.ndarray) -> np.ndarray:
        """Return numbers of which the nearest whole one is taken."""
        return np.asarray(np.tanh(np.asarray(z, "f8") + self.shift) * self.half - self.offset)

    def digits(self, z: np.ndarray) -> np.ndarray:
        """Return the levels, counted from 0."""
        return np.asarray((np.round(self.bounded(z)) + self.unit).astype(int))

    def codes(self, digits: np.ndarray) -> np.ndarray:
        """Return the codes of levels."""
        return np.asarray((digits - self.unit) / self.unit)

    def inverse(self, bounded: np.ndarray) -> np.ndarray:
        """Return what is bounded to these numbers."""
        return np.asarray(np.arctanh((bounded + self.offset) / self.half) - self.shift)

    def boundaries(self, i: int) -> np.ndarray:
        """Return where a number goes over from a level to the next, of the i-th number."""
        between = np.arange(self.levels[i] - 1) - self.unit[i] + 0.5
        return np.asarray(np.arctanh((between + self.offset[i]) / self.half[i]) - self.shift[i])


def grid(levels: int) -> np.ndarray:
    """Return the symmetric levels: Parker et al. (2024), equation 1."""
    return np.linspace(-1, 1, levels)


def scalars(values: np.ndarray, grids: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest value of each number's own grid, and its digit."""
    digits = np.stack(
        [abs(values[..., i, None] - g).argmin(-1) for i, g in enumerate(grids)], axis=-1
    )
    codes = np.stack([np.asarray(g)[digits[..., i]] for i, g in enumerate(grids)], axis=-1)
    return codes, digits


def residual(z: np.ndarray, codebooks: Sequence[np.ndarray]) -> dict[str, Any]:
    """Return indices, the residuals r_1, ..., r_L+1, and the sum of the codes."""
    left, indices, all_left = np.asarray(z, "f8"), [], [np.asarray(z, "f8")]
    for codes in codebooks:
        indices.append(nearest(left, codes))
        left = left - np.asarray(codes, "f8")[indices[-1]]
        all_left.append(left)
    return {"indices": np.stack(indices, -1), "left": all_left, "sum": z - left}


def averaging(size: int, to: int) -> np.ndarray:
    """Return the matrix that averages `size` places down to `to`, as shares of a length."""
    edges = np.arange(to + 1) * size / to
    cells = np.arange(size)
    low = np.maximum(edges[:-1, None], cells)
    high = np.minimum(edges[1:, None], cells + 1)
    return np.asarray(np.maximum(high - low, 0) * to / size)


def interpolating(size: int, to: int) -> np.ndarray:
    """Return the matrix of linear interpolation between the middles of places, held at ends."""
    at = np.clip((np.arange(to) + 0.5) * size / to - 0.5, 0, size - 1)
    return np.asarray(np.maximum(1 - abs(at[:, None] - np.arange(size)), 0))


def resized(maps: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return maps `(batch, side, side, width)` with a matrix applied along both sides."""
    return np.asarray(np.einsum("ai,bj,nijc->nabc", matrix, matrix, np.asarray(maps, "f8")))


def multi_scale(
    maps: np.ndarray, codes: np.ndarray, scales: Sequence[int]
) -> tuple[np.ndarray, list[np.ndarray], float]:
    """Tian et al. (2024), algorithm 1, without convolutions: indices, sums so far, the margin."""
    left, indices, sums, least = np.asarray(maps, "f8"), [], [], np.inf
    for scale in scales:
        small = resized(left, averaging(maps.shape[1], scale))
        least = min(least, margin(small, codes))
        found = nearest(small, codes)
        left = left - resized(codes[found], interpolating(scale, maps.shape[1]))
        indices.append(found.reshape(len(maps), -1))
        sums.append(maps - left)
    return np.concatenate(indices, axis=1), sums, float(least)


def turned(e: np.ndarray, q: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the gradient of w . (|q|/|e|) R e at R fixed: Fifty et al. (2024), equation 4.

    R = I - 2 r r^T + 2 q^ e^^T with r = (e^ + q^) / |e^ + q^|, the matrix itself for each row.
    """
    found = np.empty_like(e, dtype="f8")
    for i, (e_i, q_i) in enumerate(zip(e.astype("f8"), q.astype("f8"), strict=True)):
        e_hat, q_hat = unit(e_i), unit(q_i)
        r = unit(e_hat + q_hat)
        matrix = np.eye(len(e_i)) - 2 * np.outer(r, r) + 2 * np.outer(q_hat, e_hat)
        ratio = np.clip(np.linalg.norm(q_i) / np.linalg.norm(e_i), 0.1, 10.0)
        found[i] = ratio * matrix.T @ w[i]
    return found
