"""What needs the whole batch where a training step works on it in parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import NamedTuple, Self

from keras_ae.backend.distributed import sum_over_replicas
from keras_ae.typing import Tensor


class Use(NamedTuple):
    """A call that waits for the other parts of a batch.

    Args:
        function: Takes the sums, then the rows.
        sums: Tensors to be added over the parts.
        rows: Tensors to be put one below the other.
    """

    function: Callable[..., None]
    sums: Sequence[Tensor]
    rows: Sequence[Tensor]


class Part:
    """Stands between a part of a batch and what needs the whole: it is written down in `uses`."""

    def __init__(self) -> None:
        self.uses: list[Use] = []

    def __enter__(self) -> Self:
        """Begin to write down."""
        self._token = _running.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        """Stand aside."""
        _running.reset(self._token)


def over_batch(
    function: Callable[..., None], sums: Sequence[Tensor], rows: Sequence[Tensor] = ()
) -> None:
    """Call a function that moves a layer's state with statistics of the whole batch.

    Layers call it in their forward pass. Where a batch is divided over replicas, the sums are of
    all of them; where a step works on parts of a batch, one after another or side by side, the
    call comes after the last, before the weights move.

    Args:
        function: Takes the sums, then the rows.
        sums: Tensors to be added over the parts of a batch.
        rows: Tensors of a replica's part, batch first.
    """
    running = _running.get()
    if running is not None:
        running.uses.append(Use(function, sums, rows))
        return
    function(*map(sum_over_replicas, sums), *rows)


_running: ContextVar[Part | None] = ContextVar("running", default=None)
