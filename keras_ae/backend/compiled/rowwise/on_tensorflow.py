"""A function of a model on batches of rows, on TensorFlow."""

from __future__ import annotations

from typing import Any

import keras

from keras_ae.backend.compiled.rowwise.functions import bound
from keras_ae.backend.compiled.rowwise.sizes import in_batches, is_small, rows_in


class Program:
    """Runs the function on one batch of any size, or on several in a loop in the graph.

    XLA is not asked: from a thousand rows on the graph's own threads are faster, and no size
    needs a program of its own.

    Args:
        model: A built model.
        function: Name of one of its functions, or a function (model, batch).
        draws: Whether it draws noise.
    """

    MULTIPLICATIONS = 2**27
    pads = False

    def __init__(self, model: Any, function: Any, draws: bool) -> None:
        self.model, self.function = model, function
        self.graphs: dict[Any, tuple[Any, Any]] = {}

    def loops(self, batch_size: int) -> bool:
        """Return whether batches are so small that their dispatch would cost more than they do."""
        return is_small(self.model, batch_size)

    def __call__(self, rows: Any, batch_size: int, block: int) -> Any:
        """Return the function of whole batches, or of the rows of a shorter one."""
        import tensorflow as tf

        one, many = self._graphs_of(rows)
        if rows_in(rows) <= batch_size:
            return one(keras.tree.map_structure(tf.convert_to_tensor, rows))
        batches = in_batches(rows, batch_size)
        return many(keras.tree.map_structure(tf.convert_to_tensor, batches))

    def _graphs_of(self, rows: Any) -> tuple[Any, Any]:
        import tensorflow as tf

        key = str(keras.tree.map_structure(lambda a: (a.dtype, a.shape[1:]), rows))
        if key not in self.graphs:
            batch, batches = (
                keras.tree.map_structure(
                    lambda a, axes=axes: tf.TensorSpec((*axes, *a.shape[1:]), a.dtype), rows
                )
                for axes in ([None], [None, None])
            )
            one = tf.function(self._function, input_signature=[batch])
            self.graphs[key] = one, tf.function(self._block(one), input_signature=[batches])
        return self.graphs[key]

    def _function(self, batch: Any) -> Any:
        return bound(self.model, self.function)(batch)

    def _block(self, one: Any) -> Any:
        import tensorflow as tf

        def block(batches: Any) -> Any:
            given = one.get_concrete_function().structured_outputs
            specs = keras.tree.map_structure(lambda s: tf.TensorSpec(s.shape, s.dtype), given)
            values = tf.map_fn(one, batches, parallel_iterations=1, fn_output_signature=specs)
            return keras.tree.map_structure(
                lambda a: tf.reshape(a, tf.concat([[-1], tf.shape(a)[2:]], 0)), values
            )

        return block
