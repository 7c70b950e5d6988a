from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from scipy import special

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import OneHotCategorical
from tests.likelihoods import oracle

RNG = np.random.default_rng(7)
LOGITS = RNG.normal(scale=3.0, size=(3, 4, 2, 5)).astype("float32")
X = np.eye(5, dtype="float32")[RNG.integers(0, 5, (3, 4, 2))]
# Of every vector: (batch, 4, 2).
VECTORS = (X * special.log_softmax(LOGITS.astype("f8"), -1)).sum(-1)


def test_log_prob_is_the_log_softmax_of_every_vector_summed() -> None:
    got = oracle.log_prob(OneHotCategorical(), LOGITS, X)
    oracle.assert_near(got, VECTORS.sum((1, 2)))
    assert tuple(OneHotCategorical().decoded_shape((4, 2, 5))) == (4, 2, 5)


def test_log_prob_of_one_vector_a_row_is_the_log_softmax() -> None:
    got = oracle.log_prob(OneHotCategorical(), LOGITS[:, 0, 0], X[:, 0, 0])
    oracle.assert_near(got, VECTORS[:, 0, 0])


def test_log_prob_of_shares_is_the_cross_entropy() -> None:
    shares = RNG.dirichlet(np.ones(5), (3, 4, 2)).astype("f4")
    got = oracle.log_prob(OneHotCategorical(), LOGITS, shares)
    wanted = shares * special.log_softmax(LOGITS.astype("f8"), -1)
    oracle.assert_near(got, wanted.sum((1, 2, 3)))


def test_the_probabilities_of_all_categories_add_up_to_one() -> None:
    got = oracle.log_prob(OneHotCategorical(), np.tile(LOGITS[0, 0, 0], (5, 1)), np.eye(5))
    assert abs(np.exp(got.astype("f8")).sum() - 1) < 1e-5


def test_values_are_exact_at_extreme_logits_and_gradients_are_finite() -> None:
    logits = oracle.blocks(*oracle.rows(*3 * [[-100, -1, 0, 50, 100]]))
    for k in range(3):
        x = np.tile(np.eye(3, dtype="f4")[k], (len(logits), 1))
        wanted = special.log_softmax(logits.astype("f8"), -1)[:, k]
        oracle.assert_near(oracle.log_prob(OneHotCategorical(), logits, x), wanted)
        oracle.assert_finite(OneHotCategorical(), logits, x)


def test_the_gradient_is_the_category_minus_the_probabilities() -> None:
    got = oracle.log_prob_gradient(OneHotCategorical(), LOGITS, X)
    oracle.assert_near(got, X - special.softmax(LOGITS.astype("f8"), -1))


def test_the_mean_is_the_probabilities() -> None:
    got = ops.convert_to_numpy(OneHotCategorical().mean(LOGITS))
    oracle.assert_near(got, special.softmax(LOGITS.astype("f8"), -1))


def test_draws_are_one_hot_in_their_shares() -> None:
    logits = np.array([-1.0, 0.0, 2.0, 0.5], "f4")
    drawn = OneHotCategorical().sample(np.tile(logits, (10_000, 2, 1)), Noise())
    drawn = ops.convert_to_numpy(drawn)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert (drawn.sum(-1) == 1).all()
    np.testing.assert_allclose(drawn.mean((0, 1)), special.softmax(logits), atol=0.02)
    assert abs(np.corrcoef(drawn[:, 0, 2], drawn[:, 1, 2])[0, 1]) < 0.05


def test_an_impossible_category_is_never_drawn() -> None:
    logits = np.tile(np.array([-100.0, 100.0, -100.0], "f4"), (20_000, 1))
    drawn = ops.convert_to_numpy(OneHotCategorical().sample(logits, Noise()))
    np.testing.assert_array_equal(drawn, np.tile([0.0, 1.0, 0.0], (20_000, 1)))


def test_a_vector_counts_if_all_of_it_is_observed() -> None:
    mask = np.ones_like(X)
    mask[0, 0, 0, 3] = mask[1, 2, 1, 0] = 0
    mask[2, 3] = 0
    got = oracle.log_prob(OneHotCategorical(), LOGITS, X, mask)
    oracle.assert_near(got, (VECTORS * mask.all(-1)).sum((1, 2)))
    found = oracle.log_prob_gradient(OneHotCategorical(), LOGITS, X, mask)
    assert (np.abs(found).max(-1) > 0).tolist() == mask.all(-1).tolist()


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_mask_of_leading_axes_chooses_whole_vectors(axes: int) -> None:
    mask = (RNG.random(X.shape[:axes]) < 0.5).astype("f4")
    got = oracle.log_prob(OneHotCategorical(), LOGITS, X, mask)
    mask = mask.reshape(mask.shape + (1,) * (3 - axes))
    oracle.assert_near(got, (VECTORS * mask).sum((1, 2)))


def test_data_must_lie_in_the_unit_interval() -> None:
    assert tuple(OneHotCategorical().support) == (0, 1)
    OneHotCategorical().check_support(X)
    for outside in (-1.0, 2.0):
        with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
            OneHotCategorical().check_support(np.array([[0.0, outside]]))
