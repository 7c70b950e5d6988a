from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import special

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import Categorical
from tests.likelihoods import oracle

RNG = np.random.default_rng(6)
LOGITS = RNG.normal(scale=3.0, size=(5, 3, 4, 2)).astype("float32")
X = RNG.integers(0, 5, (3, 4, 2)).astype("float32")


def density(logits: Any, x: Any) -> Any:
    """Return the log softmax over the first axis at the category, float64."""
    every = special.log_softmax(np.asarray(logits, "f8"), 0)
    return np.take_along_axis(every, x[None].astype(int), 0)[0]


def test_log_prob_is_the_log_softmax_over_the_blocks_summed_over_the_event() -> None:
    likelihood = Categorical(5)
    got = oracle.log_prob(likelihood, oracle.blocks(*LOGITS), X)
    oracle.assert_near(got, density(LOGITS, X).sum((1, 2)))
    assert tuple(likelihood.decoded_shape((4, 2))) == (4, 10)
    assert tuple(Categorical(2).decoded_shape((7,))) == (14,)


def test_the_probabilities_of_all_categories_add_up_to_one() -> None:
    x = np.arange(5.0).reshape(-1, 1)
    got = oracle.log_prob(Categorical(5), np.tile([[-3.0, 0.0, 2.0, 0.5, 8.0]], (5, 1)), x)
    assert abs(np.exp(got.astype("f8")).sum() - 1) < 1e-5


def test_values_are_exact_at_extreme_logits_and_gradients_are_finite() -> None:
    raw = [-100, -1, 0, 50, 100]
    *logits, x = oracle.rows(raw, raw, raw, [0, 1, 2])
    decoded = oracle.blocks(*logits)
    wanted = density(logits, x).sum(1)
    oracle.assert_near(oracle.log_prob(Categorical(3), decoded, x), wanted)
    oracle.assert_finite(Categorical(3), decoded, x)


def test_the_gradient_is_the_category_minus_the_probabilities() -> None:
    got = oracle.log_prob_gradient(Categorical(5), oracle.blocks(*LOGITS), X)
    hot = np.arange(5).reshape(-1, 1, 1, 1) == X
    wanted = hot - special.softmax(LOGITS.astype("f8"), 0)
    oracle.assert_near(got, np.concatenate(wanted, -1))


def test_the_mean_is_the_expected_number() -> None:
    got = ops.convert_to_numpy(Categorical(5).mean(oracle.blocks(*LOGITS)))
    probabilities = special.softmax(LOGITS.astype("f8"), 0)
    oracle.assert_near(got, np.tensordot(np.arange(5), probabilities, 1))


def test_draws_are_the_categories_in_their_shares() -> None:
    logits = np.array([-1.0, 0.0, 2.0, 0.5])
    drawn = oracle.draws(Categorical(4), Noise(), *logits)
    assert set(np.unique(drawn)) == {0.0, 1.0, 2.0, 3.0}
    shares = np.bincount(drawn.astype(int), minlength=4) / drawn.size
    np.testing.assert_allclose(shares, special.softmax(logits), atol=0.02)


def test_an_impossible_category_is_never_drawn() -> None:
    drawn = oracle.draws(Categorical(3), Noise(), -100.0, 100.0, -100.0)
    assert set(np.unique(drawn)) == {1.0}


def test_draws_of_one_vector_are_independent() -> None:
    drawn = ops.convert_to_numpy(Categorical(2).sample(np.zeros((20_000, 4), "f4"), Noise()))
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.05


def test_masked_entries_do_not_count() -> None:
    elements = density(LOGITS, X)
    oracle.assert_mask_counts(Categorical(5), oracle.blocks(*LOGITS), X, elements)


def test_data_must_be_whole_numbers_below_the_count_of_categories() -> None:
    likelihood = Categorical(3)
    assert tuple(likelihood.support) == (0, 2)
    likelihood.check_support(np.array([[0.0, 1.0], [2.0, np.nan]]))
    for outside in (-1.0, 3.0):
        with pytest.raises(ValueError, match=r"lie in \[0, 2\]"):
            likelihood.check_support(np.array([[0.0, outside]]))
    with pytest.raises(ValueError, match="whole"):
        likelihood.check_support(np.array([[0.0, 1.5]]))


@pytest.mark.parametrize("categories", [1, 0, -2, 2.5, "three", None])
def test_fewer_than_two_categories_are_refused(categories: Any) -> None:
    with pytest.raises(ValueError, match="`categories` must be"):
        Categorical(categories)
