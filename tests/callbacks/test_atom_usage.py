from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.callbacks import AtomUsage

RNG = np.random.default_rng(0)


def rows(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sparse codes, data near 3, and errors."""
    codes = RNG.random((count, 7)) * (RNG.random((count, 7)) < 0.2)
    codes[:, 5] = 0.0
    return (
        codes.astype("f4"),
        (RNG.normal(size=(count, 4)) + 3).astype("f4"),
        RNG.normal(size=(count, 4)).astype("f4"),
    )


def numbers(metric: AtomUsage) -> dict[str, float]:
    return {name: float(ops.convert_to_numpy(v)) for name, v in metric.result().items()}


def test_it_is_of_all_rows_of_all_batches() -> None:
    metric, given = AtomUsage(7, 4), [rows(count) for count in (9, 4, 1)]
    for batch in given:
        metric.update_state(*map(ops.convert_to_tensor, batch))
    codes, data, errors = (np.concatenate(part).astype("f8") for part in zip(*given, strict=True))
    got = numbers(metric)
    assert got["l0"] == pytest.approx((codes != 0).sum(1).mean(), rel=1e-5)
    spread = ((data - data.mean(0)) ** 2).sum()
    assert got["explained"] == pytest.approx(1 - (errors**2).sum() / spread, rel=1e-3)
    assert got["dead_atoms"] == pytest.approx((~(codes != 0).any(0)).mean())
    assert got["dead_atoms"] > 0
    metric.reset_state()
    metric.update_state(*map(ops.convert_to_tensor, given[0]))
    assert numbers(metric)["l0"] == pytest.approx((given[0][0] != 0).sum(1).mean(), rel=1e-5)


def test_negative_numbers_of_a_code_count_too() -> None:
    metric = AtomUsage(2, 1)
    metric.update_state(
        ops.convert_to_tensor(np.array([[-1.0, 0.0]], "f4")), *[ops.ones((1, 1))] * 2
    )
    assert numbers(metric)["l0"] == 1.0


def test_before_any_row_it_is_finite_and_it_is_remade_from_its_config() -> None:
    metric = AtomUsage(7, 4)
    assert np.isfinite(list(numbers(metric).values())).all()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert again.get_config() == metric.get_config()
