"""Indices of a few vectors by quantizers with known codes, in NumPy alone.

`python -m tests.bottlenecks.quantizers.golden` writes them to golden.json. All numbers are of few
binary digits, and no second code is nearer than MARGIN beside the first.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.bottlenecks.quantizers import oracles

FILE = Path(__file__).with_name("golden.json")
MARGIN = 1e-3
SHAPE, WIDTH, CODES = (2, 6), 4, 16
LEVELS, SYMMETRIC, LATENT = [8, 5, 4, 6], [4, 3, 2, 5], [4, 3, 4, 2]
SCALES = [1, 2, 4]
RNG = np.random.default_rng(17)


def short(*shape: int) -> np.ndarray:
    """Return normal numbers rounded to sixteenths."""
    return np.asarray(np.round(RNG.normal(size=shape) * 16) / 16)


def finite(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return numbers and codes of finite levels, and how far z is from the next level."""
    oracle = oracles.Finite(LEVELS)
    bounded, digits = oracle.bounded(z), oracle.digits(z)
    least = float((0.5 - abs(bounded - np.round(bounded))).min())
    return oracles.number(digits, LEVELS), oracle.codes(digits), least


def by_grids(z: np.ndarray, grids: list[Any]) -> tuple[np.ndarray, np.ndarray, float]:
    """Return numbers and codes of values of each place, and the margin."""
    codes, digits = oracles.scalars(z, grids)
    gaps = [np.sort(abs(z[..., i, None] - np.asarray(g)))[..., :2] for i, g in enumerate(grids)]
    least = float(min((gap[..., 1] - gap[..., 0]).min() for gap in gaps))
    return oracles.number(digits, [len(g) for g in grids]), codes, least


def signs(z: np.ndarray, amplitude: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Return numbers and codes of signs, the first the lowest bit; a zero is -."""
    bits = z > 0
    least = float(abs(z[z != 0]).min())
    return oracles.number(bits, [2] * WIDTH), amplitude * (2.0 * bits - 1), least


def by_codes(z: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return numbers and codes of the nearest of a codebook, and the margin."""
    found = oracles.nearest(z, codes)
    return found, codes[found], oracles.margin(z, codes)


def in_levels(z: np.ndarray, books: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, float]:
    """Return numbers and sums of the codes of residuals, and the margin."""
    found = oracles.residual(z, books)
    pairs = zip(found["left"][:-1], books, strict=True)
    return found["indices"], found["sum"], min(oracles.margin(r, b) for r, b in pairs)


def in_parts(z: np.ndarray, books: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, float]:
    """Return numbers and codes of the parts of vectors, and the margin."""
    parts = [by_codes(p, b) for p, b in zip(np.split(z, len(books), -1), books, strict=True)]
    indices, codes, margins = zip(*parts, strict=True)
    return np.stack(indices, -1), np.concatenate(codes, -1), min(margins)


def scaled(z: np.ndarray) -> np.ndarray:
    """Return vectors of mean 0 and variance 1: Chiu et al. (2022), section 3.1."""
    centred = z - z.mean(-1, keepdims=True)
    return np.asarray(centred / z.std(-1, keepdims=True))


def cases() -> dict[str, dict[str, Any]]:
    """Return of each quantizer its codes, vectors, their indices and codes, and the margin."""
    book, narrow = short(CODES, WIDTH), short(CODES, WIDTH // 2)
    books = [short(CODES, WIDTH) / 2**level for level in range(3)]
    parts = [short(CODES, WIDTH // 2) for _ in range(2)]
    z, maps = short(*SHAPE, WIDTH), short(2, 4, 4, WIDTH)
    zeros = z.copy()
    zeros[0, 0] = [0.0, -0.0, 0.5, -0.5]
    square, turn, ways = short(WIDTH, WIDTH), short(WIDTH, 3), oracles.unit(short(CODES, 3))
    values = [np.sort(short(count)) for count in LATENT]
    logits = short(*SHAPE, WIDTH)
    indices, sums, least = oracles.multi_scale(maps, book, SCALES)
    draws = np.sort(logits, axis=-1)
    rows: dict[str, tuple[dict[str, Any], np.ndarray, tuple[Any, Any, float]]] = {
        "vector": ({"codes": book}, z, by_codes(z, book)),
        "cosine": (
            {"codes": book},
            z,
            by_codes(oracles.unit(z), oracles.unit(book)),
        ),
        "heads": ({"codes": narrow}, z, in_parts(z, [narrow, narrow])),
        "residual": ({"books": books}, z, in_levels(z, books)),
        "grouped": ({"books": parts}, z, in_parts(z, parts)),
        "finite": ({}, z, finite(z)),
        "symmetric": ({}, z, by_grids(np.tanh(z), [oracles.grid(n) for n in SYMMETRIC])),
        "signs": ({}, zeros, signs(zeros, 1.0)),
        "spherical": ({}, zeros, signs(zeros, WIDTH**-0.5)),
        "sim": ({"fixed": book, "map": square}, z, by_codes(z, book @ square)),
        "projection": (
            {"map": turn, "ways": ways},
            z,
            by_codes(oracles.unit(scaled(z) @ turn), ways),
        ),
        "latent": ({"values": values}, z, by_grids(z, values)),
        "gumbel": (
            {"codes": short(WIDTH, 3)},
            logits,
            (logits.argmax(-1), None, float((draws[..., -1] - draws[..., -2]).min())),
        ),
        "stochastic": ({"codes": book}, z, by_codes(z, book)),
        "multi_scale": ({"codes": book}, maps, (indices, sums[-1], least)),
    }
    return {
        name: {
            "weights": weights,
            "h": h,
            "indices": found[0],
            "quantized": weights["codes"][found[0]] if name == "gumbel" else found[1],
            "margin": found[2],
        }
        for name, (weights, h, found) in rows.items()
    }


def plain(value: Any) -> Any:
    """Return arrays as lists, numbers to nine digits."""
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return np.round(value, 9).tolist()
    return value.tolist() if isinstance(value, np.ndarray) else round(value, 9)


if __name__ == "__main__":
    rows = ",\n".join(f" {json.dumps(k)}: {json.dumps(plain(v))}" for k, v in cases().items())
    FILE.write_text(f"{{\n{rows}\n}}\n")
