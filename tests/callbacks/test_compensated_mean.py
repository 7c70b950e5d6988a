from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from keras_ae.callbacks import CompensatedMean

RNG = np.random.default_rng(0)
VALUES = (720.0 + RNG.normal(size=3000)).astype("float32")
ROWS = np.array([128.0] * 2999 + [3.0], "float32")
MEAN = float(np.average(VALUES.astype("float64"), weights=ROWS))


def after_an_epoch(metric: Any) -> float:
    """The mean of a metric that was updated in a compiled function, as in training."""
    match keras.backend.backend():
        case "jax":
            import jax

            update = jax.jit(lambda state, v, n: metric.stateless_update_state(state, v, n))
            state = metric.stateless_reset_state()
            for value, rows in zip(VALUES, ROWS, strict=True):
                state = update(state, value, rows)
            return float(metric.stateless_result(state))
        case "tensorflow":
            import tensorflow as tf

            update = tf.function(metric.update_state, jit_compile=True)
            for value, rows in zip(VALUES, ROWS, strict=True):
                update(tf.constant(value), tf.constant(rows))
        case _:
            for value, rows in zip(VALUES, ROWS, strict=True):
                metric.update_state(value, rows)
    return float(keras.ops.convert_to_numpy(metric.result()))


def test_the_mean_keeps_the_digits_that_a_plain_sum_loses() -> None:
    assert after_an_epoch(CompensatedMean("loss")) == pytest.approx(MEAN, rel=1e-7)
    assert after_an_epoch(keras.metrics.Mean()) != pytest.approx(MEAN, rel=1e-7)


def test_a_new_epoch_begins_at_nothing() -> None:
    metric = CompensatedMean("loss")
    metric.update_state(1e8, 3)
    metric.update_state(1.0, 1)
    metric.reset_state()
    metric.update_state(2.0, 5)
    assert float(keras.ops.convert_to_numpy(metric.result())) == 2.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_left_out_with_their_rows_if_it_is_said(bad: float) -> None:
    for leaves_out, want in ((True, (2 * 1.0 + 6 * 5.0) / 8), (False, bad)):
        mean = CompensatedMean("mean")
        mean.leaves_out = leaves_out
        for value, rows in ((1.0, 2), (bad, 3), (5.0, 6)):
            mean.update_state(value, sample_weight=rows)
        got = float(mean.result())
        assert got == pytest.approx(want, nan_ok=True) if leaves_out else not np.isfinite(got)
