"""Learned values of each number beside NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import LatentQuantizer
from tests.bottlenecks.quantizers import oracles
from tests.bottlenecks.quantizers.cases import called, features
from tests.gradients import gradient, weight_gradients

LEVELS = [4, 3, 5]
H = features(6, 5, 3)
RNG = np.random.default_rng(2)


def quantizer(**options: Any) -> tuple[Any, list[np.ndarray]]:
    """Return one whose values are not those it starts with, and these."""
    made = LatentQuantizer(LEVELS, **options)
    made.build((None, *H.shape[1:]))
    values = [RNG.normal(size=n).astype("f4") for n in LEVELS]
    for variable, value in zip(made.values, values, strict=True):
        variable.assign(value)
    return made, values


def test_values_start_at_equal_distances_from_minus_a_half_to_a_half() -> None:
    made = LatentQuantizer(LEVELS)
    made.build((None, *H.shape[1:]))
    for variable, levels in zip(made.values, LEVELS, strict=True):
        expected = np.linspace(-0.5, 0.5, levels)
        np.testing.assert_allclose(ops.convert_to_numpy(variable), expected, atol=1e-7)


def test_each_number_becomes_the_nearest_of_its_values() -> None:
    made, values = quantizer()
    outputs = called(made, H)
    codes, digits = oracles.scalars(H, values)
    np.testing.assert_array_equal(outputs["quantized"], codes)
    np.testing.assert_array_equal(outputs["indices"], oracles.number(digits, LEVELS))
    np.testing.assert_array_equal(outputs["pre_quantized"], H)


def test_indices_stand_for_the_learned_values() -> None:
    """In a leading library they stand for those of the start."""
    made, values = quantizer()
    every = np.arange(60, dtype="int32").reshape(12, 5)
    got = ops.convert_to_numpy(made.decode_indices(ops.convert_to_tensor(every)))
    digits = np.unravel_index(every, LEVELS, order="F")
    expected = np.stack([v[d] for v, d in zip(values, digits, strict=True)], axis=-1)
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(called(made, got)["indices"], every)


def test_the_loss_pulls_values_and_vectors_each_with_its_weight() -> None:
    """Hsu et al. (2023), equations 3 and 4: |sg(z) - v|^2 and |z - sg(v)|^2."""
    made, values = quantizer(quantization=0.3, commitment=0.7)
    codes, digits = oracles.scalars(H, values)
    apart = H.astype("f8") - codes
    np.testing.assert_allclose(
        called(made, H)["loss"], (0.3 + 0.7) * (apart**2).sum((1, 2)), rtol=1e-5
    )
    slope = gradient(lambda x: ops.sum(made(x)["loss"]), H)
    np.testing.assert_allclose(slope, 2 * 0.7 * apart, rtol=1e-4, atol=1e-6)
    pulls = weight_gradients(lambda: ops.sum(made(H)["loss"]), made.values)
    for i, pull in enumerate(pulls):
        one_hot = np.eye(LEVELS[i])[digits[..., i].ravel()]
        expected = -2 * 0.3 * one_hot.T @ apart[..., i].ravel()
        np.testing.assert_allclose(pull, expected, rtol=1e-4, atol=1e-5)
        assert pull.any()


def test_the_gradient_of_the_codes_passes_to_the_vectors_alone() -> None:
    made, _ = quantizer()
    weights = features(*H.shape, seed=1)
    got = gradient(lambda x: ops.sum(ops.multiply(made(x)["latent"], weights)), H)
    np.testing.assert_allclose(got, weights, rtol=1e-6)

    def cost() -> Any:
        outputs = made(H)
        return ops.sum(outputs["latent"]) + 0 * ops.sum(outputs["loss"])

    assert not any(pull.any() for pull in weight_gradients(cost, made.values))


def test_of_equally_near_values_the_first_is_taken() -> None:
    made, _ = quantizer()
    for variable, value in zip(
        made.values, ([1, -1, 9, 9], [2, 0, 9], [0, 0, 0, 9, 9]), strict=True
    ):
        variable.assign(value)
    outputs = called(made, np.array([[[0.0, 1.0, 0.0]] * 5], "f4"))
    assert outputs["quantized"][0, 0].tolist() == [1, 2, 0]
    assert outputs["indices"][0].tolist() == [0] * 5


@pytest.mark.parametrize(
    "options",
    [{"levels": [1, 4]}, {"levels": [2.5]}, {"quantization": -1.0}, {"commitment": -1.0}],
)
def test_impossible_arguments_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(options))}`"):
        LatentQuantizer(**{"levels": LEVELS, **options})
