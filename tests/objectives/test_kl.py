from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import special, stats

import keras_ae
from keras_ae import priors
from keras_ae.bottlenecks import Gaussian, Joint
from keras_ae.objectives import ControlledWeight, FreeBits, KLCapacity, KLDivergence, LinearWarmup
from keras_ae.priors import AutoregressiveNormal, StandardNormal
from keras_ae.typing import Batch

RNG = np.random.default_rng(0)
MEAN, LOG_VAR = (RNG.normal(size=(4, 3)).astype("float32") for _ in range(2))
CLOSED = -0.5 * (1 + LOG_VAR - MEAN.astype("f8") ** 2 - np.exp(LOG_VAR.astype("f8")))


def value(term: Any, prior: Any = None, step: int = 0, latent: np.ndarray = MEAN) -> np.ndarray:
    model = SimpleNamespace(
        bottleneck=Gaussian(3), prior=prior or StandardNormal(), step=ops.convert_to_tensor(step)
    )
    arrays = {"mean": MEAN, "log_var": LOG_VAR, "latent": latent}
    outputs = {key: ops.convert_to_tensor(array) for key, array in arrays.items()}
    return ops.convert_to_numpy(term.value(model, Batch(MEAN, MEAN), outputs, False))


def test_it_is_the_closed_form_summed_over_the_code() -> None:
    np.testing.assert_allclose(value(KLDivergence()), CLOSED.sum(1), rtol=1e-5)


def test_it_is_the_mean_log_ratio_of_draws() -> None:
    scale = np.exp(LOG_VAR[0] / 2)
    draws = stats.norm.rvs(MEAN[0], scale, size=(100_000, 3), random_state=1)
    ratio = (stats.norm.logpdf(draws, MEAN[0], scale) - stats.norm.logpdf(draws)).sum(1)
    assert abs(value(KLDivergence())[0] - ratio.mean()) < 4 * ratio.std() / np.sqrt(len(draws))


def test_from_another_prior_it_is_the_log_ratio_at_the_draw() -> None:
    z = RNG.normal(size=(4, 3)).astype("float32")
    alpha = 0.6
    covariance = alpha ** abs(np.subtract.outer(range(3), range(3)))
    wanted = stats.norm.logpdf(z, MEAN, np.exp(LOG_VAR / 2)).sum(1)
    wanted = wanted - stats.multivariate_normal(np.zeros(3), covariance).logpdf(z)
    got = value(KLDivergence(), AutoregressiveNormal(alpha), latent=z)
    np.testing.assert_allclose(got, wanted, rtol=1e-4)


def test_a_capacity_takes_the_distance_of_each_example_from_it() -> None:
    rates = CLOSED.sum(1)
    np.testing.assert_allclose(value(KLCapacity(1.0, 2.0)), abs(rates - 2.0), rtol=1e-5)
    rising = KLCapacity(1.0, LinearWarmup(10, end=5.0))
    np.testing.assert_allclose(value(rising, step=4), abs(rates - 2.0), rtol=1e-5)


def test_free_bits_cost_what_a_coordinate_has_above_them_on_average() -> None:
    free = float(np.sort(CLOSED.mean(0))[1]) + 1e-3  # two coordinates are below
    wanted = np.maximum(CLOSED.mean(0), free).sum()
    np.testing.assert_allclose(value(FreeBits(1.0, free)), wanted, rtol=1e-5)
    np.testing.assert_allclose(value(FreeBits(1.0, 0.0)), CLOSED.mean(0).sum(), rtol=1e-5)


def test_free_bits_without_a_closed_form_are_of_the_whole_code() -> None:
    ratio = value(KLDivergence(), AutoregressiveNormal(0.6)).mean()
    assert ratio > 0.1
    assert value(FreeBits(1.0, 1e3), AutoregressiveNormal(0.6)) == pytest.approx(1e3)
    got = value(FreeBits(1.0, ratio - 0.1), AutoregressiveNormal(0.6))
    assert got == pytest.approx(ratio, rel=1e-5)


@pytest.mark.parametrize("free", [-1.0, "much"])
def test_free_bits_must_not_be_negative(free: Any) -> None:
    with pytest.raises(ValueError, match="`free` must be"):
        FreeBits(1.0, free)


@pytest.mark.parametrize("free", [float("nan"), float("inf"), -1.0, "x", None])
def test_free_bits_must_be_finite(free: Any) -> None:
    with pytest.raises(ValueError, match="`free` must be a finite number"):
        FreeBits(1.0, free)


def test_a_capacity_that_follows_the_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="`capacity` must be.*Pass it as `weight`"):
        KLCapacity(capacity=ControlledWeight(2.0))


LOGITS = RNG.normal(size=(4, 5)).astype("float32")
"""Of a variable of three categories and one of two."""


def joint_value(term: Any, step: int = 0) -> np.ndarray:
    prior = priors.Joint((3, 2))
    prior.make_weights((8,), (9,))
    model = SimpleNamespace(
        bottleneck=Joint(3, (3, 2)), prior=prior, step=ops.convert_to_tensor(step)
    )
    normalised = [special.log_softmax(part, axis=1) for part in np.split(LOGITS, [3], axis=1)]
    arrays = {"mean": MEAN, "log_var": LOG_VAR, "logits": np.concatenate(normalised, 1)}
    arrays["latent"] = np.zeros((4, 8), "float32")
    outputs = {key: ops.convert_to_tensor(array) for key, array in arrays.items()}
    term.attach(model)
    return ops.convert_to_numpy(term.value(model, Batch(MEAN, MEAN), outputs, False))


def test_parts_of_a_code_have_capacities_of_their_own() -> None:
    """Dupont (2018), equation 7; the divergence of a variable is log K - its entropy."""
    p = [special.softmax(part.astype("f8"), axis=1) for part in np.split(LOGITS, [3], axis=1)]
    discrete = sum(np.log(part.shape[1]) - stats.entropy(part, axis=1) for part in p)
    continuous = CLOSED.sum(1)
    for capacity in (0.0, 0.2, 4.0):
        got = joint_value(KLCapacity(1.0, capacity, "discrete"))
        np.testing.assert_allclose(got, abs(discrete - capacity), rtol=1e-5, atol=1e-6)
        got = joint_value(KLCapacity(1.0, capacity, part="continuous"))
        np.testing.assert_allclose(got, abs(continuous - capacity), rtol=1e-5, atol=1e-6)
    whole = joint_value(KLCapacity(1.0, 1.0))
    np.testing.assert_allclose(whole, abs(continuous + discrete - 1.0), rtol=1e-5)
    rising = joint_value(KLCapacity(1.0, LinearWarmup(10, end=5.0), "continuous"), step=4)
    np.testing.assert_allclose(rising, abs(continuous - 2.0), rtol=1e-5)


def test_capacities_of_parts_are_logged_by_their_names() -> None:
    names = [KLCapacity(part=part).name for part in (None, "continuous", "discrete")]
    assert names == ["kl_capacity", "continuous_capacity", "discrete_capacity"]


@pytest.mark.parametrize("part", ["nominal", "continuous"])
def test_a_part_that_a_code_lacks_is_refused(part: str) -> None:
    model = SimpleNamespace(bottleneck=Gaussian(3), prior=StandardNormal())
    with pytest.raises(ValueError, match=f"`part` must be one of.*Received: part='{part}'"):
        KLCapacity(part=part).attach(model)


def test_free_bits_of_parts_are_those_of_all_their_coordinates() -> None:
    of_parts = [
        joint_value(KLCapacity(1.0, 0.0, part)).mean() for part in ("continuous", "discrete")
    ]
    free = float(np.mean(of_parts))
    assert min(of_parts) < free < max(of_parts)
    wanted = max(of_parts) + free
    assert joint_value(FreeBits(1.0, free, of_parts=True)) == pytest.approx(wanted, rel=1e-5)


def test_a_code_without_parts_has_no_free_bits_of_them() -> None:
    with pytest.raises(ValueError, match="free bits of parts need a posterior that names such"):
        keras_ae.LatentModel(
            (3,),
            bottleneck=Gaussian(2),
            objective=[FreeBits(1.0, 0.1, of_parts=True)],
            prior="standard_normal",
        )
