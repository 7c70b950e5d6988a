"""The use of codes beside NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import entr

from keras_ae.callbacks import CodeUsage

RNG = np.random.default_rng(0)


def skewed(*shape: int, size: int) -> np.ndarray:
    """Return indices, the lower the more frequent, a tenth of them -1."""
    numbers = np.minimum(RNG.geometric(0.3, size=shape) - 1, size - 1)
    return np.where(RNG.random(shape) < 0.1, -1, numbers).astype("int32")


def batches(sizes: tuple[int, ...], stages: int) -> list[tuple[np.ndarray, ...]]:
    """Return three batches of indices, squared lengths and squared errors."""
    found = []
    for rows in (7, 4, 1):
        levels = [skewed(rows, 20, size=size) for size in sizes]
        indices = levels[0] if len(sizes) == 1 else np.stack(levels, axis=-1)
        signal = RNG.gamma(9.0, size=rows).astype("f4")
        errors = RNG.gamma(1.0, size=(rows, stages)).astype("f4")
        found.append((indices, signal, errors))
    return found


def updated(metric: Any, given: list[tuple[np.ndarray, ...]]) -> dict[str, float]:
    for batch in given:
        metric.update_state(*map(ops.convert_to_tensor, batch))
    return {k: float(ops.convert_to_numpy(v)) for k, v in metric.result().items()}


def of_level(numbers: np.ndarray, size: int) -> dict[str, float]:
    """Return the numbers of a level, from indices of which -1 is none."""
    uses = np.bincount(numbers[numbers >= 0], minlength=size)
    shares = uses / uses.sum()
    return {
        "perplexity": np.exp(entr(shares).sum()),
        "code_usage": (uses > 0).mean(),
        "dead_codes": (shares < 0.1 / size).mean(),
    }


def expected(given: list[tuple[np.ndarray, ...]], sizes: tuple[int, ...]) -> dict[str, float]:
    """Return all numbers of all rows at once."""
    rows = np.concatenate([b[0].reshape(-1, len(sizes)) for b in given])
    each = [of_level(rows[:, i], size) for i, size in enumerate(sizes)]
    found = {k: float(np.mean([level[k] for level in each])) for k in each[0]}
    signal = sum(b[1].astype("f8").sum() for b in given)
    noise = sum(b[2].astype("f8").sum(0) for b in given)
    names = ["snr"] if len(noise) == 1 else [f"snr_{i + 1}" for i in range(len(noise))]
    return {**found, **dict(zip(names, 10 * np.log10(signal / noise), strict=True))}


@pytest.mark.parametrize(("sizes", "stages"), [((16,), 1), ((8, 32), 2), ((4, 4, 100), 1)])
def test_it_is_of_all_rows_of_all_batches(sizes: tuple[int, ...], stages: int) -> None:
    given = batches(sizes, stages)
    got, exact = updated(CodeUsage(sizes, stages), given), expected(given, sizes)
    assert got.keys() == exact.keys()
    for name, value in exact.items():
        assert got[name] == pytest.approx(value, rel=1e-4), name


def test_even_use_has_the_perplexity_of_all_codes_and_one_code_that_of_one() -> None:
    ones = np.ones(1, "f4"), np.ones((1, 1), "f4")
    even = updated(CodeUsage((50,), 1), [(np.arange(50, dtype="i4")[None], *ones)])
    assert even["perplexity"] == pytest.approx(50, rel=1e-5)
    assert (even["code_usage"], even["dead_codes"]) == (1, 0)
    single = updated(CodeUsage((50,), 1), [(np.full((1, 9), 3, "i4"), *ones)])
    assert single["perplexity"] == pytest.approx(1, rel=1e-5)
    assert single["code_usage"] == pytest.approx(0.02)
    assert single["dead_codes"] == pytest.approx(0.98)


def test_a_code_is_dead_below_a_tenth_of_even_use() -> None:
    uses = np.repeat([0, 1, 2, 3], [95, 85, 11, 9])  # 200 uses: even use is 50, a tenth 5
    some = np.concatenate([uses, np.full(200, 1), np.full(80, 0)])  # 480: a tenth is 12
    ones = np.ones(1, "f4"), np.ones((1, 1), "f4")
    metric = CodeUsage((4,), 1)
    assert updated(metric, [(uses.astype("i4")[None], *ones)])["dead_codes"] == 0
    metric.reset_state()
    assert updated(metric, [(some.astype("i4")[None], *ones)])["dead_codes"] == 0.5


def test_an_index_of_minus_one_is_no_use_of_any_code() -> None:
    ones = np.ones(1, "f4"), np.ones((1, 1), "f4")
    metric = CodeUsage((4,), 1)
    got = updated(metric, [(np.array([[-1, -1, -1, 2, 3]], "i4"), *ones)])
    assert got["perplexity"] == pytest.approx(2, rel=1e-5)
    assert got["code_usage"] == 0.5


def test_rates_are_decibels_of_each_stage() -> None:
    indices = np.zeros((2, 1, 2), "i4")
    given = (indices, np.array([60.0, 40.0], "f4"), np.array([[5, 0.5], [5, 0.5]], "f4"))
    got = updated(CodeUsage((4, 4), 2), [given])
    assert got["snr_1"] == pytest.approx(10, rel=1e-5)
    assert got["snr_2"] == pytest.approx(20, rel=1e-5)


def test_a_new_epoch_begins_at_nothing() -> None:
    metric, (first, *rest) = CodeUsage((16,), 1), batches((16,), 1)
    updated(metric, rest)
    metric.reset_state()
    got, exact = updated(metric, [first]), expected([first], (16,))
    assert got == pytest.approx(exact, rel=1e-4)


def test_before_any_row_and_without_errors_it_is_finite() -> None:
    metric = CodeUsage((16,), 1)
    assert all(np.isfinite(v) for v in updated(metric, []).values())
    perfect = (np.zeros((1, 2), "i4"), np.ones(1, "f4"), np.zeros((1, 1), "f4"))
    assert updated(metric, [perfect])["snr"] > 100


def test_levels_of_very_many_codes_are_not_counted() -> None:
    sizes = (2**18 + 1, 4)
    given = batches(sizes, 1)
    got = updated(CodeUsage(sizes, 1), given)
    rows = np.concatenate([b[0].reshape(-1, 2) for b in given])
    assert got["perplexity"] == pytest.approx(of_level(rows[:, 1], 4)["perplexity"], rel=1e-4)
    alone = updated(CodeUsage((2**18 + 1,), 1), batches((2**18 + 1,), 1))
    assert list(alone) == ["snr"]
    assert CodeUsage((2**18,), 1).variables[0].shape == (2**18,)


def test_it_is_remade_from_its_config() -> None:
    metric = CodeUsage((8, 4), 2, name="codes")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    given = batches((8, 4), 2)
    assert again.name == "codes"
    assert updated(again, given) == updated(metric, given)


def test_it_counts_in_a_compiled_function() -> None:
    metric, given = CodeUsage((16,), 1), batches((16,), 1)[:1]
    match keras.backend.backend():
        case "jax":
            import jax

            state = metric.stateless_reset_state()
            state = jax.jit(metric.stateless_update_state)(state, *given[0])
            found = metric.stateless_result(state)
        case "tensorflow":
            import tensorflow as tf

            tf.function(metric.update_state, jit_compile=True)(*map(tf.constant, given[0]))
            found = metric.result()
        case _:
            updated(metric, given)
            found = metric.result()
    got = {k: float(ops.convert_to_numpy(v)) for k, v in found.items()}
    assert got == pytest.approx(expected(given, (16,)), rel=1e-4)
