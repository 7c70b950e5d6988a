"""Rows of numbers of codes whose law is known, and how well draws agree with a law."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.special import softmax
from scipy.stats import chisquare

STAYS = np.array([0.7, 0.2, 0.05, 0.05])
MOVES = np.array([np.roll(STAYS, k) for k in range(4)])
"""p(next | number) of a Markov chain of four numbers, which are equally frequent."""


def every(numbers: int, length: int) -> np.ndarray:
    """Return all rows of so many numbers in order, int32."""
    return np.array(list(itertools.product(range(numbers), repeat=length)), "int32")


def plausibility(rows: np.ndarray, numbers: int, log_probs: np.ndarray) -> float:
    """Return the p-value of drawn rows by Pearson's test, given log p of `every` row.

    Rows that are expected fewer than five times count as one.
    """
    digits = numbers ** np.arange(rows.shape[1])[::-1]
    counts = np.bincount(rows @ digits, minlength=len(log_probs))
    wanted = len(rows) * softmax(log_probs.astype("f8"))
    rare = wanted < 5
    parts = [np.append(v[~rare], v[rare].sum()) for v in (counts, wanted)]
    if not rare.any():
        parts = [v[:-1] for v in parts]
    return float(chisquare(*parts).pvalue)


def chain(rows: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """Return rows of the Markov chain, int32."""
    steps = rng.choice(4, size=(rows, length), p=STAYS)
    steps[:, 0] = rng.integers(4, size=rows)
    return (np.cumsum(steps, axis=1) % 4).astype("int32")


def chain_log_prob(rows: np.ndarray) -> np.ndarray:
    """Return log p of rows of the Markov chain."""
    return -np.log(4) + np.log(MOVES[rows[:, :-1], rows[:, 1:]]).sum(1)


def chain_entropy(length: int) -> float:
    """Return the entropy of a row of the Markov chain, nats."""
    return float(np.log(4) - (length - 1) * (STAYS @ np.log(STAYS)))
