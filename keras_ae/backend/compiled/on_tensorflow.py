"""Several training steps in one graph, on TensorFlow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

# Steps from which on XLA's gain per step outweighs its seconds of compiling.
WORTH_XLA = 1000


def is_for_xla(model: Any) -> bool:
    """Return whether XLA computes what the graph does: it draws other noise, and unrolls loops."""
    return not any(
        isinstance(layer, keras.layers.RNN)
        or any(isinstance(v, keras.random.SeedGenerator) for v in vars(layer).values())
        for layer in model._flatten_layers()
    )


class Steps:
    """Runs up to `per_call` steps of a model in one graph, on data that stay on the device.

    It takes the place of the model's train function. The number of steps is an input of the
    graph; a shorter last batch has a graph of its own.

    Args:
        model: A compiled model.
        xla: Whether XLA compiles the graph.
    """

    def __init__(self, model: Any, xla: bool) -> None:
        import tensorflow as tf

        self.model, self.xla = model, xla
        self.block = tf.function(self._block, jit_compile=xla)
        self.one = tf.function(self._one)

    def bind(self, batches: Any, per_call: int) -> None:
        """Put the data of a training on the device."""
        import tensorflow as tf

        self.data = keras.tree.map_structure(tf.convert_to_tensor, batches.arrays)
        self.batch_size, self.per_call = batches.batch_size, per_call

    def release(self) -> None:
        """Let go of the data."""
        self.data = None

    def __call__(self, iterator: Iterator[np.ndarray]) -> Any:
        """Return the logs after the next steps."""
        import tensorflow as tf

        batches = list(itertools.islice(iterator, self.per_call))
        if not batches:
            raise StopIteration
        whole = [rows for rows in batches if len(rows) == self.batch_size]
        if whole:
            rows = np.zeros((self.per_call, self.batch_size), "int32")
            rows[: len(whole)] = whole
            self.block(self.data, tf.constant(rows), tf.constant(len(whole)))
        for rest in batches[len(whole) :]:
            self.one(self.data, tf.constant(rest))
        return self.model.get_metrics_result()

    def _block(self, data: Any, rows: Any, count: Any) -> None:
        import tensorflow as tf

        def step(index: Any) -> Any:
            self._one(data, rows[index])
            return index + 1

        tf.while_loop(lambda index: index < count, step, [tf.constant(0)], parallel_iterations=1)

    def _one(self, data: Any, rows: Any) -> None:
        import tensorflow as tf

        batch = keras.tree.map_structure(lambda a: tf.gather(a, rows), data)
        self.model.train_step(batch)
