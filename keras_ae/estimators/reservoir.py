"""A sample of rows that come one table after another."""

from __future__ import annotations

import numpy as np

MOST_ROWS = 20_000


class Reservoir:
    """A sample in which each row so far is as likely as every other.

    Args:
        most: Rows that are kept.

    Reference:
        Vitter (1985), https://doi.org/10.1145/3147.3165, algorithm R, of which only the last row
        at a place is written.
    """

    def __init__(self, most: int = MOST_ROWS) -> None:
        self.most, self.seen = most, 0
        self.rows = np.empty((0, 0), "float32")

    def add(self, x: np.ndarray, seed: int) -> None:
        """Add rows `(rows, width)`."""
        room = max(0, self.most - len(self.rows))
        first, rest = x[:room], x[room:]
        self.rows = np.concatenate([self.rows, first]) if len(self.rows) else first.copy()
        counts = self.seen + room + np.arange(1, len(rest) + 1)
        places = np.random.default_rng(seed).integers(0, counts)
        chosen = places < self.most
        self.rows[places[chosen]] = rest[chosen]
        self.seen += len(x)
