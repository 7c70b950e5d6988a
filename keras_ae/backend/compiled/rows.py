"""Numbers of batches, as what Keras's training loops iterate over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

# Keras takes an adapter of one's own in place of data, but its base class is not exported.
from keras.src.trainers.data_adapters.data_adapter import DataAdapter


class Rows(DataAdapter):
    """Gives the number of each batch; the data themselves stay where the steps run.

    Args:
        batches: The data, `ArrayBatches`.
        per_call: Steps of a block.
        begun: Called when an epoch begins: Keras has made its iterator then.
    """

    def __init__(self, batches: Any, per_call: int, begun: Callable[[], None]) -> None:
        self.batches, self.per_call, self.begun = batches, per_call, begun

    def start_epoch(self, epoch: int) -> None:
        """Take the order of an epoch, counted from 0."""
        self.batches.start_epoch(epoch)
        self.begun()

    def __iter__(self) -> Iterator[int]:
        """Iterate over the batches of an epoch."""
        return iter(range(len(self.batches)))

    def get_numpy_iterator(self) -> Any:
        """Return the iterator of an epoch."""
        return iter(self)

    def get_jax_iterator(self) -> Any:
        """Return the iterator of an epoch."""
        return iter(self)

    def get_tf_dataset(self) -> Any:
        """Return what gives the iterator of an epoch."""
        return self

    def get_torch_dataloader(self) -> Any:
        """Return what gives the iterator of an epoch, with None after it to fill the last block.

        Keras collects whole blocks there, and warns when there are no more.
        """
        return [*self, *[None] * (-len(self.batches) % self.per_call)]

    @property
    def num_batches(self) -> int:
        """Number of batches of an epoch."""
        return len(self.batches)

    @property
    def batch_size(self) -> int:
        """Rows of a batch."""
        return int(self.batches.batch_size)

    @property
    def has_partial_batch(self) -> bool:
        """Whether the last batch is shorter."""
        return bool(self.batches.num_rows % self.batches.batch_size)

    @property
    def partial_batch_size(self) -> int | None:
        """Rows of the shorter last batch."""
        return self.batches.num_rows % self.batches.batch_size or None
