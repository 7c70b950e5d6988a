from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import RelaxedRounding
from keras_ae.bottlenecks.entropy import rounding

X = np.random.default_rng(0).normal(scale=3.0, size=(400, 50)).astype("float32")


def both(layer: RelaxedRounding, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    coded, decoded = layer(ops.convert_to_tensor(X), **options)
    return ops.convert_to_numpy(coded), ops.convert_to_numpy(decoded)


@pytest.mark.parametrize("kind", ["noise", "mixed"])
def test_without_draws_both_are_whole_numbers(kind: Any) -> None:
    coded, decoded = both(RelaxedRounding(kind, alpha=2.0))
    np.testing.assert_array_equal(coded, np.round(X))
    np.testing.assert_array_equal(decoded, np.round(X))


def test_noise_is_uniform_about_the_number() -> None:
    coded, decoded = both(RelaxedRounding(), training=True, sample=True)
    np.testing.assert_array_equal(coded, decoded)
    noise = (coded - X).ravel()
    assert np.abs(noise).max() <= 0.5 + 1e-5
    assert abs(noise.mean()) < 0.01
    assert abs(noise.var() - 1 / 12) < 0.002


def test_mixed_decoders_are_given_whole_numbers() -> None:
    coded, decoded = both(RelaxedRounding("mixed"), training=True, sample=True)
    np.testing.assert_array_equal(decoded, np.round(X))
    assert not np.array_equal(coded, decoded)


def test_noise_is_added_to_softly_rounded_numbers_whose_mean_is_decoded() -> None:
    coded, decoded = both(RelaxedRounding(alpha=5.0), training=True, sample=True)
    soft = ops.convert_to_numpy(rounding.soft_round(ops.convert_to_tensor(X), 5.0))
    assert np.abs(coded - soft).max() <= 0.5 + 1e-5
    mean = ops.convert_to_numpy(rounding.soft_round_mean(ops.convert_to_tensor(coded), 5.0))
    np.testing.assert_allclose(decoded, mean, atol=1e-4)


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="`kind` must be one of"):
        RelaxedRounding("soft")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`alpha`"):
        RelaxedRounding(alpha=-1.0)
