"""Steps that are left out: what moves, what is logged, and that the compiled loops do the same."""

from __future__ import annotations

import pathlib
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.optimizers import SkipSteps

RNG = np.random.default_rng(3)
X = RNG.normal(size=(24, 5)).astype("float32")
SIZES = [1.0, 1.0, 1e3, 1.0, np.nan, 1.0]
"""By how much a gradient is larger than the first; the third and the fifth are left out."""


def variable(value: Any) -> Any:
    return keras.Variable(np.array(value, "float32"))


def arrays(variables: Any) -> list[np.ndarray]:
    return [np.array(ops.convert_to_numpy(v)) for v in variables]


@pytest.mark.parametrize("inner", ["adam", "sgd", "lion"])
def test_what_is_left_out_moves_nothing(inner: str) -> None:
    """As many steps of the optimizer alone, of the gradients that are taken, end the same."""
    start = [RNG.normal(size=(3, 2)), RNG.normal(size=4)]
    gradients = [[RNG.normal(size=np.shape(s)).astype("float32") for s in start] for _ in SIZES]
    weights, alone = ([variable(s) for s in start] for _ in range(2))
    skipping = SkipSteps(keras.optimizers.get(inner), threshold=100.0)
    plain = keras.optimizers.get(inner)
    for optimizer, given in ((skipping, weights), (plain, alone)):
        optimizer.build(given)
    for size, step in zip(SIZES, gradients, strict=True):
        scaled = [ops.convert_to_tensor((size * g).astype("float32")) for g in step]
        skipping.apply(scaled, weights)
        if size == 1.0:
            plain.apply(scaled, alone)
    for got, want in zip(arrays(weights), arrays(alone), strict=True):
        np.testing.assert_array_equal(got, want)
    assert int(skipping.skipped) == 2
    assert int(skipping.iterations) == 4
    state = arrays([v for v in skipping.variables if v is not skipping.skipped])
    numbers = [v for v in state if v.dtype.kind == "f"]
    assert all(np.isfinite(v).all() for v in numbers)


def test_the_length_is_that_of_all_gradients_together() -> None:
    weights = [variable([0.0, 0.0]), variable([0.0])]
    for threshold, moves in ((4.9, False), (5.1, True)):
        optimizer = SkipSteps("sgd", threshold)
        optimizer.build(weights)
        before = arrays(weights)
        steps = [ops.convert_to_tensor(np.array(g, "float32")) for g in ([3.0, 0.0], [4.0])]
        optimizer.apply(steps, weights)
        assert (not np.array_equal(arrays(weights)[0], before[0])) is moves


def trained(x: np.ndarray, optimizer: Any, epochs: int = 3, **options: Any) -> tuple[Any, Any]:
    keras.utils.set_random_seed(0)
    model = keras_ae.create("autoencoder", input_shape=(5,), latent_dim=2, hidden=[4])
    model.compile(optimizer, **options)
    history = model.fit(x, epochs=epochs, batch_size=4, shuffle=False, verbose=0).history
    return model, history


def batches_without(x: np.ndarray, bad: int) -> np.ndarray:
    return np.concatenate([x[: 4 * bad], x[4 * bad + 4 :]])


@pytest.mark.parametrize("bad", [0, 3])
@pytest.mark.parametrize("huge", [1e4, 1e30])
def test_a_batch_that_is_left_out_might_as_well_not_be_there(bad: int, huge: float) -> None:
    """Of rows whose gradient is too long, or whose loss overflows."""
    x = X.copy()
    x[4 * bad : 4 * bad + 4] = huge
    model, history = trained(x, SkipSteps(keras.optimizers.Adam(0.01), threshold=1e3))
    want, without = trained(batches_without(x, bad), keras.optimizers.Adam(0.01))
    for got, other in zip(
        arrays(model.trainable_variables), arrays(want.trainable_variables), strict=True
    ):
        np.testing.assert_allclose(got, other, rtol=1e-5, atol=1e-6)
    assert int(model.optimizer.skipped) == 3
    assert int(model.optimizer.iterations) == 15
    if huge > 1e20:  # else the loss is a number, which is logged
        np.testing.assert_allclose(history["loss"], without["loss"], rtol=1e-5)
        np.testing.assert_allclose(history["reconstruction"], without["reconstruction"], rtol=1e-5)


def test_the_phases_of_a_game_have_one_each() -> None:
    model = keras_ae.create(
        "adversarial_autoencoder", input_shape=(5,), latent_dim=2, alternate=True
    )
    model.compile(SkipSteps("adam"))
    x = X.copy()
    x[:4] = 1e30
    model.fit(x, epochs=2, batch_size=4, shuffle=False, verbose=0)
    skipped = [int(one.skipped) for one in model.optimizer.optimizers.values()]
    assert skipped[0] == 2  # the critic's gradient may be a number for all that
    assert all(np.isfinite(a).all() for a in arrays(model.trainable_variables))
    model.compile(SkipSteps("adam", threshold=1e-9))
    with pytest.warns(UserWarning, match="the loss became nan in epoch 1"):
        history = model.fit(X, epochs=2, batch_size=4, verbose=0).history
    assert len(history["loss"]) == 1


def test_single_steps_and_blocks_of_them_leave_out_the_same() -> None:
    x = X.copy()
    x[8:12] = 1e30
    once, _ = trained(x, SkipSteps("adam"))
    keras.utils.set_random_seed(0)
    model = keras_ae.create("autoencoder", input_shape=(5,), latent_dim=2, hidden=[4])
    model.compile(SkipSteps("adam"))
    for _ in range(3):
        for start in range(0, 24, 4):
            model.train_on_batch(x[start : start + 4])
    for got, want in zip(arrays(model.weights), arrays(once.weights), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    assert int(model.optimizer.skipped) == 3


def test_an_epoch_without_a_step_ends_the_training() -> None:
    x = np.full_like(X, 1e30)
    with pytest.warns(UserWarning, match="the loss became nan in epoch 1"):
        model, history = trained(x, SkipSteps("adam"), epochs=4)
    assert len(history["loss"]) == 1
    assert int(model.optimizer.iterations) == 0


def test_what_is_measured_leaves_nothing_out() -> None:
    model, _ = trained(X, SkipSteps("adam"))
    x = X.copy()
    x[8:12] = 1e30
    assert not np.isfinite(model.evaluate(x, verbose=0)[0])
    assert np.isfinite(model.evaluate(X, verbose=0)[0])


def test_it_is_saved_with_the_model_and_trains_on(tmp_path: pathlib.Path) -> None:
    x = X.copy()
    x[:4] = 1e30
    model, _ = trained(x, SkipSteps(keras.optimizers.Adam(0.01), threshold=50.0))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.threshold == 50.0
    assert int(loaded.optimizer.skipped) == int(model.optimizer.skipped) >= 3
    for each in (model, loaded):
        each.fit(x, epochs=1, batch_size=4, shuffle=False, verbose=0)
    for got, want in zip(arrays(loaded.weights), arrays(model.weights), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_the_learning_rate_is_that_of_the_optimizer_inside() -> None:
    optimizer = SkipSteps(keras.optimizers.Adam(0.25))
    assert float(optimizer.learning_rate) == 0.25
    optimizer.learning_rate = 0.5
    assert float(optimizer.optimizer.learning_rate) == 0.5


@pytest.mark.parametrize("threshold", [0, -1.0, float("nan"), "1"])
def test_impossible_thresholds_are_refused(threshold: Any) -> None:
    with pytest.raises(ValueError, match="`threshold` must be positive"):
        SkipSteps("adam", threshold)


def test_an_optimizer_that_scales_its_loss_goes_around_it() -> None:
    inner = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    with pytest.raises(ValueError, match="goes around"):
        SkipSteps(inner)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model, history = trained(X, SkipSteps("adam"))
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite(history["loss"]).all()
    assert int(model.optimizer.inner_optimizer.iterations) > 0
