"""Several training steps in one graph, on TensorFlow."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_ae.backend.compiled.adam import FlatAdam
from keras_ae.backend.compiled.blocks import are_few, grouped, map_arrays, padded
from keras_ae.backend.compiled.plan import Plan, convolves
from keras_ae.backend.postponed import Means
from keras_ae.backend.script import Draw, Script

# Steps from which on XLA's gain per step outweighs its seconds of compiling.
WORTH_XLA = 1000

_NOTHING = contextlib.nullcontext()


def is_for_xla(model: Any) -> bool:
    """Return whether XLA computes what the graph does, and faster.

    It draws other noise, which therefore comes from outside: a part's can, a user's layer's not.
    Its convolutions on a CPU are slow, and it unrolls what Keras's recurrent layers loop over.
    """
    return not convolves(model) and not any(
        isinstance(layer, keras.layers.RNN) or _draws(layer) for layer in model._flatten_layers()
    )


def _draws(layer: Any) -> bool:
    seeds = [v for v in vars(layer).values() if isinstance(v, keras.random.SeedGenerator)]
    return bool(seeds) and "training_seed" not in vars(layer)


class Steps:
    """Runs up to `per_call` steps of a model in one graph, on resident data or on blocks of others.

    It takes the place of the model's train function. The number of steps is an input of the
    graph; a shorter last batch has a graph of its own.

    Args:
        model: A compiled model.
        xla: Whether XLA compiles the steps.
    """

    batches: Any = None

    def __init__(self, model: Any, xla: bool) -> None:
        import tensorflow as tf

        self.model, self.xla = model, xla
        self.block = tf.function(self._block)
        self.one = tf.function(self._one)

    def bind(self, plan: Plan) -> None:
        """Put the data of a training that stay on the device there."""
        import tensorflow as tf

        self.data = None if plan.data is None else map_arrays(tf.convert_to_tensor, plan.data)
        self.batches, self.per_call = plan.batches, plan.per_call

    def release(self) -> None:
        """Let go of the data."""
        self.data = self.batches = None

    def __call__(self, iterator: Iterator[Any]) -> Any:
        """Return the logs after the next steps."""
        steps = list(itertools.islice(iterator, self.per_call))
        if not steps:
            raise StopIteration
        for data, rows in grouped(steps, self.data, self.batches, self.per_call):
            self._run(data, rows)
        return self.model.get_metrics_result()

    def _run(self, data: Any, rows: np.ndarray) -> None:
        import tensorflow as tf

        data = map_arrays(tf.convert_to_tensor, data)
        if rows.shape[1] == self.batches.batch_size:
            self.block(data, tf.constant(padded(rows, self.per_call)), tf.constant(len(rows)))
            return
        for of_step in rows:
            self.one(data, tf.constant(of_step))

    def _block(self, data: Any, rows: Any, count: Any) -> None:
        import tensorflow as tf

        if not self.xla:
            self._loop(data, rows, count, [])
            return
        with Script() as script:
            tf.function(self._one).get_concrete_function(data, rows[0])
        noise = self._noise(script.draws, count)
        tf.function(self._loop, jit_compile=True)(data, rows, count, noise)

    def _noise(self, draws: list[Draw], count: Any) -> list[Any]:
        """Return the noise of a block, `(per_call, *shape)` for each draw of a step."""
        import tensorflow as tf

        if not draws:
            return []
        blocks = [
            tf.TensorArray("float32", self.per_call, element_shape=draw.shape) for draw in draws
        ]

        def step(index: Any, blocks: Any) -> Any:
            drawn = zip(blocks, draws, strict=True)
            return index + 1, [block.write(index, draw.again()) for block, draw in drawn]

        start = [tf.constant(0), blocks]
        _, blocks = tf.while_loop(lambda i, _: i < count, step, start, parallel_iterations=1)
        return [block.stack() for block in blocks]

    def _loop(self, data: Any, rows: Any, count: Any, noise: list[Any]) -> None:
        import tensorflow as tf

        adam = FlatAdam.of(self.model) if self.xla else None
        means = Means(self.model, int(rows.shape[1]), steps=True)
        is_gathered = self.xla and are_few(data, math.prod(rows.shape))
        gathered = _rows_of(data, rows) if is_gathered else None

        def step(index: Any, moments: Any, numbers: Any) -> Any:
            if gathered is None:
                batch = _rows_of(data, rows[index])
            else:
                batch = map_arrays(lambda a: a[index], gathered)
            with means.postponed(), adam.standing_in(moments) if adam else _NOTHING:
                self._step(batch, [block[index] for block in noise])
            if means.means:
                numbers = numbers.write(index, tf.stack(means.of_step(0.0)))
            return index + 1, adam.moments if adam else moments, numbers

        moments = adam.read() if adam else []
        numbers = tf.TensorArray("float32", rows.shape[0], element_shape=[len(means.means)])
        _, moments, numbers = tf.while_loop(
            lambda index, *_: index < count,
            step,
            [tf.constant(0), moments, numbers],
            parallel_iterations=1,
        )
        if adam:
            adam.write(moments)
        if means.means:
            means.add(tf.reduce_sum(numbers.stack(), axis=0), tf.cast(count, "float32"))

    def _one(self, data: Any, rows: Any) -> None:
        self._step(_rows_of(data, rows), [])

    def _step(self, batch: Any, noise: list[Any]) -> None:
        with Script(noise) if noise else _NOTHING:
            self.model.train_step(batch)


class Measurements(Steps):
    """Measures a model on blocks of data, several batches in one graph; see `Steps`."""

    def __init__(self, model: Any) -> None:
        super().__init__(model, xla=False)

    def _step(self, batch: Any, noise: list[Any]) -> None:
        self.model.test_step(batch)


def _rows_of(data: Any, rows: Any) -> Any:
    import tensorflow as tf

    return map_arrays(lambda a: tf.gather(a, rows), data)
