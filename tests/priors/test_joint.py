"""The prior of numbers and discrete variables: its density and its draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

import keras_ae
from keras_ae.bottlenecks import Categorical, Gaussian
from keras_ae.bottlenecks import Joint as JointPosterior
from keras_ae.distributions.noise import CountedNoise, Noise
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.priors import Joint

CATEGORIES = (3, 2)
RNG = np.random.default_rng(0)


def make(latent_dim: int = 2, categories: Any = CATEGORIES) -> Joint:
    prior = Joint(categories)
    prior.make_weights((latent_dim + sum(categories),), (8,))
    return prior


def model_of(bottleneck: Any, prior: Any) -> Any:
    objective = [Reconstruction(), KLDivergence()]
    return keras_ae.LatentModel(
        (6,), bottleneck=bottleneck, objective=objective, prior=prior, hidden=[4]
    )


def test_the_density_is_a_normals_times_one_over_the_number_of_categories() -> None:
    z = RNG.normal(size=(5, 2))
    variables = [np.eye(k)[RNG.integers(k, size=5)] for k in CATEGORIES]
    code = np.concatenate([z, *variables], axis=1).astype("float32")
    wanted = stats.norm.logpdf(z).sum(1) - np.log(3) - np.log(2)
    np.testing.assert_allclose(ops.convert_to_numpy(make().log_prob(code)), wanted, rtol=1e-5)


def test_draws_are_normal_numbers_and_even_one_hot_variables() -> None:
    rows = 9_000
    drawn = ops.convert_to_numpy(make().sample((rows, 7), Noise()))
    for coordinate in drawn[:, :2].T:
        assert stats.kstest(coordinate, stats.norm.cdf).pvalue > 1e-5
    for variable in (drawn[:, 2:5], drawn[:, 5:]):
        assert set(np.unique(variable)) == {0.0, 1.0}
        np.testing.assert_array_equal(variable.sum(1), 1)
        assert stats.chisquare(variable.sum(0)).pvalue > 1e-5
    joint = drawn[:, 2:5].T @ drawn[:, 5:]
    assert stats.chisquare(joint.ravel()).pvalue > 1e-5  # independent of each other
    assert abs(np.corrcoef(drawn.T)[:2, 2:]).max() < 4.5 / np.sqrt(rows)


def test_it_draws_a_row_of_noise_for_each_code() -> None:
    noise = CountedNoise()
    make().sample((4, 7), noise)
    assert noise.draws
    assert all(shape[0] == 4 for _, shape in noise.draws)


def test_samples_of_a_model_do_not_depend_on_how_many_follow() -> None:
    model = model_of(JointPosterior(2, CATEGORIES), Joint(CATEGORIES))
    np.testing.assert_allclose(model.sample(3, seed=5), model.sample(9, seed=5)[:3], rtol=1e-5)


@pytest.mark.parametrize(
    "bottleneck",
    [
        lambda: Gaussian(7),
        lambda: Categorical(2, 3),
        lambda: JointPosterior(2, (2, 3)),
        lambda: JointPosterior(2, (5,)),
    ],
)
def test_a_posterior_of_another_kind_is_refused(bottleneck: Any) -> None:
    with pytest.raises(ValueError, match="Received: "):
        model_of(bottleneck(), Joint(CATEGORIES))


@pytest.mark.parametrize("wrong", [(3, 1), (), 10, (2.5,)])
def test_impossible_categories_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="`categories` must"):
        Joint(wrong)
