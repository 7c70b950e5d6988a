"""Streams as what Keras's training loops iterate over: read ahead, and in blocks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras.src.trainers.data_adapters import get_data_adapter
from keras.src.trainers.data_adapters.data_adapter import DataAdapter
from keras.src.trainers.epoch_iterator import EpochIterator

from keras_ae.backend.compiled.ahead import Ahead
from keras_ae.backend.compiled.blocks import Block, map_arrays, num_rows

GUESSED_BATCH = 256
"""Rows of a batch for which a block is planned where a stream does not tell."""


class Stream(DataAdapter):
    """Gives the batches of a stream that do not stay where the steps run.

    A thread reads them ahead, never beyond the end of an epoch: what is left of a generator, and
    what a `PyDataset` changes between two epochs, is what it would be without the thread.

    Args:
        x: A `tf.data.Dataset`, a DataLoader, a `PyDataset` or a generator.
        steps: `steps_per_epoch`.
        **options: What else Keras's adapters take.
    """

    def __init__(self, x: Any, steps: int | None = None, **options: Any) -> None:
        self.adapter = get_data_adapter(x, steps_per_epoch=steps, **options)
        self.given, self.steps = x, steps
        self.per_call, self.stacks = 1, False
        self.begun: Callable[[], None] = lambda: None
        self._size: int | None = None
        self._reader: Ahead | None = None

    @property
    def length(self) -> int | None:
        """Number of batches of an epoch, where it is known."""
        return self.steps or self.adapter.num_batches

    @property
    def arrays(self) -> Any:
        """The arrays behind the stream, or the least favourable that may come."""
        return getattr(self.given, "arrays", ({"mask": None},))

    def block_length(self, longest: int) -> int:
        """Return how many steps a block may have, at most `longest`, so that epochs end with one.

        Keras counts by blocks where both the stream and the caller have a length.
        """
        if self.length is None:
            return 1
        if self.steps is None or self.adapter.num_batches is None:
            return math.ceil(self.length / math.ceil(self.length / longest))
        common = math.gcd(self.steps, self.adapter.num_batches)
        return max(n for n in range(1, longest + 1) if common % n == 0)

    def look(self) -> Iterator[Any]:
        """Yield a first batch in the form of Keras's epoch iterator, if it is asked for."""
        self.on_epoch_begin()
        yield 0, 0, self._batches()

    def start_epoch(self, epoch: int) -> None:
        """Tell the data which epoch begins, counted from 0, if they want to know."""
        if hasattr(self.given, "start_epoch"):
            self.given.start_epoch(epoch)
        self.begun()

    def close(self) -> None:
        """End the thread that reads ahead."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the stream, for one epoch or, with `steps`, until its end.

        None follows the last step of an epoch to fill the last block.
        """
        batches = self._batches()
        most = self.steps
        if most is not None and not self.stacks:  # Keras takes whole blocks.
            most = math.ceil(most / self.per_call) * self.per_call
        while True:
            taken = 0
            for step in self._read(itertools.islice(batches, most)):
                yield step
                taken += 1
            has_ended = most is None or taken < most
            if most is not None and has_ended and self.stacks and taken > most - self.per_call:
                # Keras would notice at the next block, of which there is none.
                EpochIterator._interrupted_warning(self)
            if self.stacks:
                yield from [None] * (-taken % self.per_call)
            if has_ended:
                return

    def _batches(self) -> Iterator[Any]:
        """Return an iterator over tuples of NumPy arrays."""
        # Keras's own iterator over a DataLoader takes nothing but tensors.
        loader = getattr(self.adapter, "_dataloader", None)
        source = self.adapter.get_numpy_iterator() if loader is None else loader
        return map(_in_tuple, iter(source))

    def _read(self, batches: Iterable[Any]) -> Iterator[Any]:
        source: Any = self._blocks(batches) if self.stacks else self._copies(batches)
        self.close()
        if not self._reads_ahead_itself():
            source = self._reader = Ahead(source)
        try:
            for steps in source:
                yield from steps
        finally:
            self.close()

    def _reads_ahead_itself(self) -> bool:
        """Return whether the stream has workers of its own, which end with Keras's epoch."""
        workers = getattr(getattr(self.adapter, "_dataloader", None), "num_workers", 0)
        return bool(workers) or getattr(self.adapter, "enqueuer", None) is not None

    def _blocks(self, batches: Iterable[Any]) -> Iterator[list[Any]]:
        """Yield the steps of blocks; a batch of another size than the first has one of its own."""
        block: Block | None = None
        try:
            for batch in batches:
                if block is not None and not block.fits(batch):
                    yield block.steps
                    block = None
                if block is None:
                    self._size = self._size or num_rows(batch)
                    whole = num_rows(batch) == self._size
                    block = Block(batch, self.per_call if whole else 1)
                block.add(batch)
                if block.is_full:
                    yield block.steps
                    block = None
        except Exception:
            if block is not None:
                yield block.steps
            raise
        if block is not None:
            yield block.steps

    def _copies(self, batches: Iterable[Any]) -> Iterator[list[Any]]:
        for batch in batches:
            yield [map_arrays(np.array, batch)]

    def get_numpy_iterator(self) -> Any:
        """Return the iterator over the stream."""
        return iter(self)

    def get_jax_iterator(self) -> Any:
        """Return the iterator over the stream."""
        return iter(self)

    def get_tf_dataset(self) -> Any:
        """Return what gives the iterator over the stream."""
        return self if self.stacks else self.adapter.get_tf_dataset()

    def get_torch_dataloader(self) -> Any:
        """Return what gives the iterator over the stream."""
        return self if self.stacks else _Tensors(self)

    @property
    def num_batches(self) -> int | None:
        """Number of batches of the stream, where it is known."""
        return self.adapter.num_batches

    @property
    def batch_size(self) -> int:
        """Rows of the first batch; before it came, as many as the stream says."""
        if self._size is not None:
            return self._size
        first = getattr(self.adapter, "_first_batches", None)
        said = (
            getattr(self.given, "batch_size", None),
            self.adapter.batch_size,
            num_rows(_in_tuple(first[0])) if first else None,
            _batch_size_of_dataset(self.given),
        )
        return int(next((size for size in said if size), GUESSED_BATCH))

    @property
    def has_partial_batch(self) -> Any:
        """Whether the last batch is shorter."""
        return self.adapter.has_partial_batch

    @property
    def partial_batch_size(self) -> Any:
        """Rows of the shorter last batch."""
        return self.adapter.partial_batch_size

    def on_epoch_begin(self) -> None:
        """Tell the stream that an epoch begins."""
        self.adapter.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Tell the stream that an epoch has ended."""
        self.adapter.on_epoch_end()


class _Tensors:
    """Gives the batches of a stream as torch's tensors.

    Args:
        stream: Gives NumPy arrays.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the stream."""
        for batch in self.stream:
            yield map_arrays(keras.ops.convert_to_tensor, batch)


def _in_tuple(batch: Any) -> tuple[Any, ...]:
    """Return a batch as a tuple of NumPy arrays."""
    batch = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
    return map_arrays(_host, batch)


def _host(array: Any) -> np.ndarray:
    return np.asarray(array.detach().cpu() if hasattr(array, "detach") else array)


def _batch_size_of_dataset(dataset: Any) -> int | None:
    """Return what a `tf.data.Dataset` was batched to, which its type leaves open."""
    while hasattr(dataset, "_inputs"):
        if hasattr(dataset, "_batch_size"):
            return int(dataset._batch_size)
        dataset = next(iter(dataset._inputs()), None)
    return None
