"""Several training steps in one compiled program, on JAX."""

from __future__ import annotations

import contextlib
import functools
import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from keras_ae.backend import compile_cache
from keras_ae.backend.compiled.adam import FlatAdam
from keras_ae.backend.compiled.blocks import are_few, grouped, map_arrays, padded
from keras_ae.backend.compiled.division import MOST_THREADS, WORTH_DIVIDING, Division
from keras_ae.backend.compiled.plan import Plan, convolves
from keras_ae.backend.compiled.state_on_jax import resident, scope, values_in
from keras_ae.backend.compiled.trial import Trial
from keras_ae.backend.postponed import Means

# On a CPU, XLA runs a loop's body on one thread and its convolutions by a naive kernel. A loop
# saves the dispatch, which is what a step up to this many floating-point operations costs.
LOOPED = 1e7
# Steps from which on it is worth compiling both forms, to measure which is faster.
WORTH_TRYING = 1000
TRIED = 4
# Inside of a loop Eigen's products of large matrices are faster than those of XLA's default.
EIGEN = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE"}

_NOTHING = contextlib.nullcontext()


class _Means(Means):
    """Means of which the numbers leave a gradient's trace in the metrics' own variables."""

    def keep(self, mean: Any, number: Any) -> None:
        """Put a batch's number where the sum of all is."""
        mean.total.assign(number)
        self.numbers[mean] = None

    def taken(self, before: Any, after: Any) -> Any:
        """Return the step's numbers, `(means,)`, and put the sums back into the state after it."""
        import jax

        metrics = self.model.metrics_variables
        places = [next(i for i, v in enumerate(metrics) if v is m.total) for m in self.means]
        numbers = [after[-1][place] for place in places]
        for place in places:
            after[-1][place] = before[-1][place]
        return jax.numpy.stack(numbers) if numbers else jax.numpy.zeros(0)


class Steps:
    """Runs up to `per_call` steps of a model on resident data, or on blocks of others.

    It takes the place of the model's train function. The steps are a loop in one program, or one
    program each: by rule where the rule is clear, else as measured in the first blocks. On a CPU,
    steps of networks that convolve or recur work on parts of a batch, where that is the same. The
    number of steps is an input of the loop, so that the last block of an epoch needs none of its
    own; a shorter last batch does.

    Args:
        model: A compiled model.
    """

    trains = True
    batches: Any = None

    def __init__(self, model: Any) -> None:
        import jax

        compile_cache.enable()
        self.model = model
        self.block: Any = None
        self.one = jax.jit(self._one, donate_argnums=0)
        self.divided: dict[int, Any] = {}
        self.trials: dict[tuple[int, ...], Trial] = {}
        self.logs: Any = None

    def bind(self, plan: Plan) -> None:
        """Put the data of a training that stay on the device there."""
        import jax

        self.data = None if plan.data is None else map_arrays(resident, plan.data)
        self.batches, self.per_call = plan.batches, plan.per_call
        # Forms are compiled anew for other shapes, and what a trial times must not be that.
        rows = 0 if plan.data is None else len(jax.tree.leaves(self.data)[0])
        shape = (plan.batches.batch_size, plan.per_call, rows)
        self.trial = self.trials.setdefault(shape, Trial())
        self.tries = False
        self.divides, self.threads = False, ThreadPoolExecutor(MOST_THREADS)
        is_small = jax.default_backend() != "cpu" or plan.flops < LOOPED
        if self.block is None:
            options = {} if is_small else _eigen()
            self.block = jax.jit(self._block, donate_argnums=0, compiler_options=options)
        if is_small:
            self.is_looped = True
            return
        self.divides = self.trains and plan.steps >= WORTH_DIVIDING
        if convolves(self.model) or plan.per_call < TRIED:
            self.is_looped = False
        else:
            self.is_looped = self.trial.winner
            self.tries = not self.trial.is_over and plan.steps >= WORTH_TRYING

    def release(self) -> None:
        """Let go of the data."""
        self.data = self.batches = self.logs = None
        self.threads.shutdown()

    def __call__(self, state: Any, iterator: Iterator[Any]) -> tuple[Any, Any]:
        """Return (logs, state) after the next steps."""
        import jax

        if self.data is None:  # Blocks that wait for the device would pile up.
            jax.block_until_ready(self.logs)
        logs: Any = None
        steps = list(itertools.islice(iterator, self.per_call))
        for data, rows in grouped(steps, self.data, self.batches, self.per_call):
            data = map_arrays(jax.numpy.asarray, data)
            is_whole = rows.shape[1] == self.batches.batch_size
            divided = self._divided(state, data) if is_whole else None
            if divided is not None:
                for of_step in rows:
                    logs, state = divided(state, data, of_step, self.threads)
            elif self.tries and is_whole and len(rows) >= TRIED:
                logs, state = self._try(state, data, rows)
            else:
                logs, state = self._run(state, data, rows, is_whole and self.is_looped)
        if logs is None:
            raise StopIteration
        self.logs = logs
        if self.data is not None:  # The device is at work.
            self.batches.prepare_epoch(self.batches.epoch + 1)
        return logs, state

    def _divided(self, state: Any, data: Any) -> Any:
        """Return what takes steps on the parts of a batch, or None."""
        size = self.batches.batch_size
        if size not in self.divided and self.divides:
            self.divided[size] = None
            division = Division.of(self.model, size)
            if division is not None:
                from keras_ae.backend.compiled.divided_on_jax import Divided

                divided = Divided(self.model, division)
                try:
                    is_exact = divided.is_exact(state, data)
                except Exception:  # Whatever the reason, the whole batch still runs.
                    is_exact = False
                if is_exact:
                    self.divided[size] = divided
        return self.divided.get(size)

    def _run(self, state: Any, data: Any, rows: np.ndarray, is_looped: bool) -> tuple[Any, Any]:
        if is_looped:
            return self.block(state, data, padded(rows, self.per_call), len(rows))
        logs: Any = None
        for of_step in rows:
            logs, state = self.one(state, data, of_step)
        return logs, state

    def _try(self, state: Any, data: Any, rows: np.ndarray) -> tuple[Any, Any]:
        """Take a block of steps in a form of which the time is not known yet."""
        import jax

        start = time.perf_counter()
        logs, state = jax.block_until_ready(self._run(state, data, rows, self.trial.turn))
        self.trial.note((time.perf_counter() - start) / len(rows))
        self.is_looped, self.tries = self.trial.winner, not self.trial.is_over
        return logs, state

    def _block(self, state: Any, data: Any, rows: Any, count: Any) -> tuple[Any, Any]:
        import jax

        adam = FlatAdam.of(self.model) if self.trains else None
        means = _Means(self.model, rows.shape[1], steps=True)
        gathered = _rows_of(data, rows) if are_few(data, rows.size) else None

        def step(index: Any, carried: Any) -> Any:
            before, moments, numbers = carried
            at_index = functools.partial(jax.lax.dynamic_index_in_dim, index=index, keepdims=False)
            if gathered is None:
                batch = _rows_of(data, at_index(rows))
            else:
                batch = map_arrays(at_index, gathered)
            with means.postponed(), adam.standing_in(moments) if adam else _NOTHING:
                _, after = self._step(before, batch)
            numbers = jax.lax.dynamic_update_index_in_dim(
                numbers, means.taken(before, after), index, axis=0
            )
            # A loop's state keeps its types.
            after = jax.tree.map(lambda new, old: new.astype(old.dtype), after, before)
            return after, adam.moments if adam else moments, numbers

        with scope(self.model, state):
            moments = adam.read() if adam else []
        numbers = jax.numpy.zeros((len(rows), len(means.means)))
        state, moments, numbers = jax.lax.fori_loop(0, count, step, (state, moments, numbers))
        with scope(self.model, state) as inner:
            if adam:
                adam.write(moments)
            means.add(numbers.sum(axis=0), count)
            logs = self.model.get_metrics_result()
        return logs, values_in(inner, self.model, self.trains)

    def _one(self, state: Any, data: Any, rows: Any) -> tuple[Any, Any]:
        return self._step(state, _rows_of(data, rows))

    def _step(self, state: Any, batch: Any) -> tuple[Any, Any]:
        logs, after = self.model.train_step(state, batch)
        return logs, tuple(list(part) for part in after)


class Measurements(Steps):
    """Measures a model on blocks of data, several batches in one program; see `Steps`."""

    trains = False

    def _step(self, state: Any, batch: Any) -> tuple[Any, Any]:
        logs, after = self.model.test_step(state, batch)
        return logs, tuple(list(part) for part in after)


@functools.cache
def _eigen() -> dict[str, str]:
    """Return the compiler's option for Eigen's products, none where it is unknown."""
    import jax

    try:
        jax.jit(lambda: 0, compiler_options=EIGEN).lower().compile()
    except Exception:  # Its type has changed between versions.
        return {}
    return EIGEN


def _rows_of(data: Any, rows: Any) -> Any:
    return map_arrays(lambda a: a.at[rows].get(mode="promise_in_bounds"), data)
