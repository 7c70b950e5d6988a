from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import keras_ae
from keras_ae.bottlenecks import Deterministic, Gaussian, Hyperspherical
from keras_ae.objectives import FreeBits, KLCapacity, KLDivergence, Reconstruction

X = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")


def model(term: Any, bottleneck: Any = None, prior: Any = "standard_normal") -> Any:
    return keras_ae.LatentModel(
        (5,),
        bottleneck=bottleneck or Gaussian(2),
        objective=[Reconstruction(), term],
        prior=prior,
        hidden=[4],
    )


@pytest.mark.parametrize("term", [KLDivergence, KLCapacity, FreeBits])
def test_a_code_without_a_distribution_is_refused(term: Any) -> None:
    with pytest.raises(ValueError, match=rf"{term.__name__} needs .* posterior.*Deterministic"):
        model(term(), Deterministic(2))


def test_a_model_without_a_prior_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs a model with a prior.*prior='standard_normal'"):
        model(KLDivergence(), prior=None)


def test_a_prior_must_live_where_the_codes_do() -> None:
    with pytest.raises(ValueError, match=r"StandardNormal over vectors.*codes in sphere"):
        model(KLDivergence(), Hyperspherical(3))


@pytest.mark.parametrize("term", [KLCapacity(), FreeBits(free=10.0)])
def test_a_score_has_the_rate_whatever_the_term_makes_of_it(term: Any) -> None:
    plain, other = model(KLDivergence()), model(term)
    other.set_weights(plain.get_weights())
    np.testing.assert_allclose(other.score(X), plain.score(X), rtol=1e-6)
