from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.backend.gradients import gradient_of
from keras_ae.bottlenecks import GaussianConditional, LogisticConditional

RNG = np.random.default_rng(0)
Y = RNG.normal(scale=3.0, size=(4, 2, 3)).astype("float32")
INDICES = RNG.uniform(10.0, 40.0, size=Y.shape).astype("float32")
WHERE = RNG.normal(size=Y.shape).astype("float32")
KINDS = [(GaussianConditional, stats.norm), (LogisticConditional, stats.logistic)]


def numbers(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(tensor), "float64")


@pytest.mark.parametrize(("kind", "law"), KINDS)
@pytest.mark.parametrize("located", [True, False])
def test_codes_are_whole_from_their_locations_and_cost_their_masses(
    kind: Any, law: Any, located: bool
) -> None:
    outputs = kind()(Y, INDICES, WHERE if located else None)
    where = WHERE if located else 0.0
    symbols = np.round(Y - where).astype("f8")
    np.testing.assert_allclose(numbers(outputs["latent"]), symbols + where, rtol=1e-6)
    scale = 0.11 * (256 / 0.11) ** (np.round(INDICES) / 63)
    away = -np.abs(symbols)
    masses = law.cdf((away + 0.5) / scale) - law.cdf((away - 0.5) / scale)
    np.testing.assert_allclose(numbers(outputs["nats"]), -np.log(masses).sum((1, 2)), rtol=1e-5)


@pytest.mark.parametrize(("kind", "law"), KINDS)
def test_in_training_scales_are_as_told_and_noise_stands_for_rounding(kind: Any, law: Any) -> None:
    outputs = kind()(Y, INDICES, WHERE, training=True, sample=True)
    coded = numbers(outputs["latent"]) - WHERE
    assert np.abs(coded - (Y - WHERE)).max() <= 0.5 + 1e-5
    scale = 0.11 * (256 / 0.11) ** (INDICES.astype("f8") / 63)
    away = -np.abs(coded)
    masses = law.cdf((away + 0.5) / scale) - law.cdf((away - 0.5) / scale)
    np.testing.assert_allclose(numbers(outputs["nats"]), -np.log(masses).sum((1, 2)), rtol=1e-4)


def test_indices_beyond_the_scales_are_the_ends_and_can_come_back() -> None:
    layer = GaussianConditional(levels=4, least=0.5, most=4.0)
    np.testing.assert_allclose(layer.scales, [0.5, 1.0, 2.0, 4.0])
    np.testing.assert_allclose(layer.index_of(layer.scales), [0, 1, 2, 3], atol=1e-12)
    y = np.full((1, 1), 3.0, "float32")
    beyond, ends = (numbers(layer(y, np.full((1, 1), i, "float32"))["nats"]) for i in (-5.0, 0.0))
    np.testing.assert_allclose(beyond, ends)

    def nats(indices: Any) -> Any:
        return layer(y, indices, sample=True)["nats"]

    # A number of 3 wants a larger scale than 0.5: the gradient leads up.
    assert numbers(gradient_of(nats, ops.convert_to_tensor([[-5.0]]))) < 0
    y = np.zeros((1, 1), "float32")
    assert numbers(gradient_of(nats, ops.convert_to_tensor([[9.0]]))) > 0


def test_impossible_arguments_are_refused() -> None:
    for bad in ({"levels": 1}, {"least": 2.0, "most": 1.0}, {"least": 0.0}):
        with pytest.raises(ValueError, match="Received"):
            GaussianConditional(**bad)  # type: ignore[arg-type]
