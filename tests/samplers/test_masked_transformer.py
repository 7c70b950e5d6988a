"""Priors over codes that fill in what is masked."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import log_softmax, logsumexp

import keras_ae
from keras_ae.distributions.noise import Noise
from keras_ae.samplers import MaskedTransformer
from keras_ae.samplers.code_prior import Likelihood
from keras_ae.samplers.masked_transformer import _least

RNG = np.random.default_rng(0)
EVERY = np.array(list(itertools.product(range(3), repeat=4)), "int32")


def fitted(**options: Any) -> Any:
    keras.utils.set_random_seed(0)
    model = keras_ae.create(
        "vq_vae", input_shape=(5,), latent_dim=2, num_codes=3, tokens=4, hidden=[8]
    )
    prior = MaskedTransformer(width=8, depth=1, heads=2, epochs=1, **options)
    return model, prior.fit(model, RNG.normal(size=(20, 5)).astype("f4"))


def test_the_bound_is_exact_on_average_where_numbers_do_not_depend_on_each_other() -> None:
    """A network that gives each position the same probabilities, whatever it is given."""
    _, prior = fitted(orders=12)
    logits = prior.network.get_layer("logits")
    logits.kernel.assign(np.zeros(logits.kernel.shape))
    logits.bias.assign([0.5, -1.0, 0.2])
    wanted = log_softmax([0.5, -1.0, 0.2])[EVERY].sum(1)
    apart = prior.log_prob(EVERY) - wanted
    assert abs(apart.mean()) < 5 * apart.std() / 9
    assert apart.std() < 0.6


def test_the_bound_lies_below_a_distribution() -> None:
    _, prior = fitted(orders=12)
    for weight in prior.network.weights:
        weight.assign(RNG.normal(size=weight.shape) * 0.7)
    mean = np.mean([prior.log_prob(EVERY) for _ in range(10)], axis=0)
    assert logsumexp(mean) < 0.05


def test_each_compiled_step_masks_other_numbers() -> None:
    """The loss of the same rows under the same weights is that of other masks."""
    _, prior = fitted(dropout=0.0)
    model = Likelihood(prior, prior.make_network())
    model.compile(keras.optimizers.SGD(0.0))
    losses = [float(model.train_on_batch(EVERY)) for _ in range(4)]
    assert len({round(loss, 5) for loss in losses}) == 4


@pytest.mark.parametrize("rounds", [1, 2, 7])
def test_draws_leave_nothing_masked(rounds: int) -> None:
    _, prior = fitted(rounds=rounds)
    noise = Noise()
    noise.reset_evaluation(0)
    rows = ops.convert_to_numpy(prior.draw(50, noise, False))
    assert rows.shape == (50, 4)
    assert rows.min() >= 0
    assert rows.max() <= 2


def test_draws_of_independent_numbers_have_their_probabilities() -> None:
    _, prior = fitted(rounds=3)
    logits = prior.network.get_layer("logits")
    logits.kernel.assign(np.zeros(logits.kernel.shape))
    logits.bias.assign([1.0, -1.0, 0.0])
    prior.choice = 1e6  # what stays is chosen by noise alone, as the draws are then exact
    noise = Noise()
    noise.reset_evaluation(0)
    rows = ops.convert_to_numpy(prior.draw(6_000, noise, False))
    shares = np.bincount(rows.ravel(), minlength=3) / rows.size
    np.testing.assert_allclose(shares, np.exp(log_softmax([1.0, -1.0, 0.0])), atol=0.02)


def test_the_least_of_each_row_are_found() -> None:
    values = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, -1.0]], "f4")
    got = ops.convert_to_numpy(_least(ops.convert_to_tensor(values), 2))
    assert got.tolist() == [[False, True, True], [True, False, True]]
    assert not ops.convert_to_numpy(_least(ops.convert_to_tensor(values), 0)).any()
