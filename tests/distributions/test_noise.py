from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.distributions.noise import CountedNoise, GivenNoise, Noise


def draw(noise: Noise, training: bool = False) -> np.ndarray:
    return ops.convert_to_numpy(noise.normal((8,), training=training))


def test_draws_differ_and_the_evaluation_sequence_starts_again_from_its_seed() -> None:
    noise = Noise()
    noise.reset_evaluation(5)
    first, second = draw(noise), draw(noise)
    noise.reset_evaluation(5)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(draw(noise), first)


def test_both_sequences_start_again_from_a_seed() -> None:
    found = []
    for other in (1, 2):
        keras.utils.set_random_seed(other)
        noise = Noise()
        noise.reset(5)
        found.append(np.concatenate([draw(noise), draw(noise, training=True)]))
    np.testing.assert_array_equal(*found)


def test_evaluation_leaves_the_training_sequence_alone() -> None:
    sequences = []
    for measures in (False, True):
        keras.utils.set_random_seed(3)
        noise = Noise()
        draw(noise, training=True)
        if measures:
            draw(noise)
        sequences.append(draw(noise, training=True))
    np.testing.assert_array_equal(*sequences)


def test_moments_are_those_of_the_distributions() -> None:
    noise = Noise()
    normal = ops.convert_to_numpy(noise.normal((20_000,)))
    uniform = ops.convert_to_numpy(noise.uniform((20_000,)))
    assert abs(normal.mean()) < 0.03
    assert abs(normal.std() - 1) < 0.03
    assert abs(uniform.mean() - 0.5) < 0.01
    assert uniform.min() >= 0
    assert uniform.max() < 1


def test_integers_reach_every_value_below_the_bound_and_none_beyond() -> None:
    drawn = ops.convert_to_numpy(Noise().integers((5_000,), 7))
    assert sorted(set(drawn.tolist())) == list(range(7))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_dtype_is_the_one_asked_for(dtype: str) -> None:
    assert keras.backend.standardize_dtype(Noise().normal((2,), dtype).dtype) == dtype


def test_a_saved_model_goes_on_with_its_noise(tmp_path: Path) -> None:
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    model.noise = Noise()
    draw(model.noise, training=True)
    model.save_weights(tmp_path / "a.weights.h5")
    wanted = draw(model.noise, training=True)
    draw(model.noise, training=True)
    model.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(draw(model.noise, training=True), wanted)


def test_given_noise_is_given_in_its_order_and_counted_noise_writes_it_down() -> None:
    counted = CountedNoise()
    counted.normal((1, 2))
    counted.integers((3,), 5)
    assert counted.draws == [("normal", (1, 2)), ("uniform", (3,))]
    given = GivenNoise([np.array([1.5], "float32"), np.array([0.5], "float32")])
    assert float(given.normal((1,))[0]) == 1.5
    assert int(given.integers((1,), 4)[0]) == 2
    with pytest.raises(StopIteration):
        given.normal((1,))
