"""A training step that works on the parts of its batch side by side, on JAX's CPU."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax import Array

from keras_ae.backend.compiled.blocks import map_arrays
from keras_ae.backend.compiled.division import TOLERANCE, Division, is_by_row
from keras_ae.backend.compiled.state_on_jax import scope, values_in
from keras_ae.backend.postponed import Means
from keras_ae.backend.script import Draw, Script
from keras_ae.backend.whole_batch import Part


class Seen(NamedTuple):
    """What a forward pass gives beside the loss.

    Args:
        numbers: What goes into the running means, the loss first.
        outputs: The model's.
        sums: Of each use of the whole batch, what is to be added.
        rows: What is to be joined.
    """

    numbers: Any
    outputs: Any
    sums: Any
    rows: Any


class Divided:
    """A model's step on batches of one size.

    Args:
        model: A compiled model.
        division: How a batch is divided.
    """

    def __init__(self, model: Any, division: Division) -> None:
        self.model, self.division = model, division
        self.draws: list[Draw] = []
        self.functions: list[Callable[..., None]] = []
        self.means = Means(model, division.rows, steps=False)
        self.begin = jax.jit(self._begin, donate_argnums=0)
        self.part = jax.jit(self._part)
        self.join = jax.jit(self._join, donate_argnums=0)

    def is_exact(self, state: Any, data: Any) -> bool:
        """Return whether a batch's loss is the mean of its parts', and nothing else moves.

        What a layer draws by itself or counts, what a term takes of the whole batch: both are seen.

        Args:
            state: The training's.
            data: All rows.
        """
        few = map_arrays(lambda a: a[np.arange(4) % len(a)], data)
        halves = [map_arrays(lambda a, i=i: a[i : i + 2], few) for i in (0, 2)]
        if not (self._is_by_row(state, halves[0], 2) and self._is_by_row(state, few, 4)):
            return False
        drawn = np.random.default_rng(0)
        noise = [drawn.random((4, *draw.shape[1:]), "float32") for draw in self.draws]

        @jax.jit
        def both(state: Any, few: Any, halves: Any, noise: Any) -> tuple[Any, Any]:
            whole = self._forward(state[0], state, few, noise)[1]
            pairs = zip((0, 2), halves, strict=True)
            first, second = (
                self._forward(state[0], state, half, [n[i : i + 2] for n in noise])[1]
                for i, half in pairs
            )
            numbers = (first.numbers + second.numbers) / 2
            outputs = jax.tree.map(
                lambda a, b: jnp.concatenate([a, b]), first.outputs, second.outputs
            )
            return (whole.numbers, whole.outputs), (numbers, outputs)

        # What happens to an entry with some probability happens where its draw is 0.
        return all(
            _agree(*both(state, few, halves, given)) for given in (noise, [0.0 * n for n in noise])
        )

    def __call__(
        self, state: Any, data: Any, rows: np.ndarray, threads: ThreadPoolExecutor
    ) -> tuple[Any, Any]:
        """Return (logs, state) after a step."""
        batch, noise, state = self.begin(state, data, rows)

        def work(part: int) -> Any:
            return jax.block_until_ready(self.part(state, batch, noise, np.int32(part)))

        others = [threads.submit(work, n) for n in range(1, self.division.threads)]
        return self.join(state, [work(0), *(other.result() for other in others)])

    def _is_by_row(self, state: Any, batch: Any, rows: int) -> bool:
        """Return whether a forward pass draws for each row and moves nothing; note its draws."""
        with Script() as script:
            jax.eval_shape(self._forward, state[0], state, batch, None)
        self.draws = script.draws
        moved: list[Any] = []
        noise = [np.zeros(draw.shape, "float32") for draw in self.draws]
        forward = functools.partial(self._forward, moved=moved)
        jax.eval_shape(forward, state[0], state, batch, noise)
        return is_by_row(self.draws, rows) and not moved

    def _begin(self, state: Any, data: Any, rows: Array) -> tuple[Any, Any, Any]:
        """Return the parts of a batch, `(threads, passes, rows, ...)`, their noise, the state."""

        def divided(a: Array) -> Array:
            return a.reshape(*self.division, *a.shape[1:])

        batch = map_arrays(lambda a: divided(a.at[rows].get(mode="promise_in_bounds")), data)
        with scope(self.model, state) as inner:
            size = (rows.shape[0],)
            noise = [draw._replace(shape=size + draw.shape[1:]).again() for draw in self.draws]
        return batch, [divided(n) for n in noise], values_in(inner, self.model)

    def _part(self, state: Any, batch: Any, noise: Any, part: Any) -> tuple[Any, Any]:
        """Return the sums over a thread's passes, and what is of rows."""

        def one(batch: Any, noise: Any) -> Any:
            gradient = jax.grad(self._forward, has_aux=True)
            found, seen = gradient(state[0], state, batch, noise)
            return (found, seen.numbers, seen.sums), seen.rows

        def add(total: Any, inputs: Any) -> Any:
            found, rows = one(*inputs)
            return jax.tree.map(jnp.add, total, found), rows

        inputs = jax.tree.map(lambda a: a[part], (batch, noise))
        shapes, _ = jax.eval_shape(one, *jax.tree.map(lambda a: a[0], inputs))
        nothing = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), shapes)
        # XLA runs a loop's body on this thread alone, even that of a loop of one.
        total, rows = jax.lax.scan(add, nothing, inputs)
        return total, jax.tree.map(_joined, rows)

    def _join(self, state: Any, parts: Any) -> tuple[Any, Any]:
        """Return (logs, state) after the step whose parts these are."""
        model, division = self.model, self.division
        gradients, numbers, sums = jax.tree.map(lambda *a: sum(a[1:], a[0]), *(p[0] for p in parts))
        rows = jax.tree.map(lambda *a: jnp.concatenate(a), *(p[1] for p in parts))
        gradients = [gradient / division.parts for gradient in gradients]
        with scope(model, state) as inner:
            for function, of_sums, of_rows in zip(self.functions, sums, rows, strict=True):
                function(*of_sums, *of_rows)
            self.means.add(numbers, division.parts)
            model.optimizer.apply(gradients, model.trainable_variables)
            logs = model.get_metrics_result()
        return logs, values_in(inner, model)

    def _forward(
        self, weights: Any, state: Any, batch: Any, noise: Any, moved: Any = None
    ) -> tuple[Array, Seen]:
        """Return a part's loss and what else is seen of it.

        What moves is appended to `moved`.
        """
        model = self.model
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        means = Means(model, jax.tree.leaves(x)[0].shape[0], steps=False)
        script = contextlib.nullcontext() if noise is None else Script(noise)
        with script, Part() as part, means.postponed():
            loss, (_, outputs, others, _) = model.compute_loss_and_updates(
                weights,
                state[1],
                state[3],
                x,
                y,
                sample_weight,
                training=True,
                optimizer_variables=state[2],
            )
        if moved is not None:
            pairs = zip(model.non_trainable_variables, state[1], others, strict=True)
            moved += [v for v, old, new in pairs if new is not old]
        self.functions = [use.function for use in part.uses]
        means.keep(model._loss_tracker, loss)
        numbers = jnp.stack(means.of_step(jnp.zeros(())))
        means.numbers, self.means = dict.fromkeys(means.numbers), means
        sums, rows = [use.sums for use in part.uses], [use.rows for use in part.uses]
        return loss, Seen(numbers, outputs, sums, rows)


def _agree(wanted: Any, found: Any) -> bool:
    pairs = zip(jax.tree.leaves(wanted), jax.tree.leaves(found), strict=True)
    arrays = [(np.asarray(a, "float64"), np.asarray(b, "float64")) for a, b in pairs]
    return all(np.abs(a - b).max() <= TOLERANCE * np.abs(a).max() for a, b in arrays)


def _joined(a: Array) -> Array:
    """Return what is of rows without the axis of passes."""
    return a.reshape(-1, *a.shape[2:])
