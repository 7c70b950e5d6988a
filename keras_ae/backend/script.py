"""Noise as an input: the draws of a training step, written down or given."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple, Self

from keras_ae.typing import Tensor


class Draw(NamedTuple):
    """One draw of a forward pass."""

    noise: Any
    kind: str
    shape: tuple[int, ...]
    training: bool

    def again(self) -> Tensor:
        """Return the next draw of this kind, from the same state."""
        return self.noise.draw(self.kind, self.shape, self.training)


class Script:
    """The draws of a forward pass: written down as they are made, or read from given tensors.

    A traced training step cannot draw: its noise is drawn outside and is an input.

    Args:
        tensors: What to give instead of drawing; None to draw and write down.
    """

    def __init__(self, tensors: Sequence[Tensor] | None = None) -> None:
        self.draws: list[Draw] = []
        self.tensors = None if tensors is None else list(tensors)

    def next(self, draw: Draw) -> Tensor:
        """Return the next draw."""
        self.draws.append(draw)
        return draw.again() if self.tensors is None else self.tensors[len(self.draws) - 1]

    def __enter__(self) -> Self:
        """Begin to stand between the model and its noise."""
        self._token = _running.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        """Stand aside."""
        _running.reset(self._token)


def draw(noise: Any, kind: str, shape: Any, training: bool) -> Tensor:
    """Return the next draw of a source of noise, or what the running script gives for it."""
    running = _running.get()
    if running is None:
        return noise.draw(kind, shape, training)
    return running.next(Draw(noise, kind, tuple(shape), training))


_running: ContextVar[Script | None] = ContextVar("running", default=None)
