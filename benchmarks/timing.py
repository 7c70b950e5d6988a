"""Contenders in turn, round by round: what a machine's drift cannot decide."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass
class Contender:
    """One way of doing a piece of work.

    Args:
        name: Its name.
        run: Does `n` pieces of work and returns what it computed, a number.
        first_pieces: Pieces of the first run, which is to be long enough for compiling.
    """

    name: str
    run: Callable[[int], float]
    first_pieces: int = 1
    first: float = 0.0
    pieces: int = 1
    seconds: list[float] = dataclasses.field(default_factory=list)
    value: float = float("nan")

    def warm_up(self, least: float) -> None:
        """Do the work for the first time, compile, and find how often it fills `least` seconds."""
        start = time.perf_counter()
        self.run(self.first_pieces)
        self.first = time.perf_counter() - start
        self.pieces = 1
        self.pieces = max(1, round(least / self._timed()))

    def _timed(self) -> float:
        start = time.perf_counter()
        self.value = self.run(self.pieces)
        return (time.perf_counter() - start) / self.pieces

    def round(self) -> None:
        """Time one round."""
        self.seconds.append(self._timed())

    @property
    def median(self) -> float:
        """The median seconds of a piece of work."""
        return statistics.median(self.seconds)


def compete(contenders: list[Contender], *, rounds: int, least: float = 1.5) -> None:
    """Warm all up, then let them run in turn, `rounds` times, in a new order each time."""
    for contender in contenders:
        contender.warm_up(least)
    order = np.random.default_rng(0)
    for _ in range(rounds):
        for index in order.permutation(len(contenders)):
            contenders[index].round()


def ratio(a: Contender, b: Contender) -> float:
    """Return the median over rounds of a's seconds by b's."""
    return statistics.median(x / y for x, y in zip(a.seconds, b.seconds, strict=True))
