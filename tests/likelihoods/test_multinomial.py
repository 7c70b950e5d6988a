from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import special, stats

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import Multinomial
from tests.likelihoods import oracle

RNG = np.random.default_rng(14)
LOGITS = RNG.normal(size=(3, 4, 2, 5)).astype("float32")
X = RNG.multinomial(30, special.softmax(LOGITS.astype("f8"), -1)).astype("float32")


def density(logits: Any, x: Any, seen: Any = True) -> Any:
    """Return the log-mass of every vector over its observed entries, float64."""
    logits = np.where(seen, np.asarray(logits, "f8"), -np.inf)
    x = np.where(seen, np.asarray(x, "f8"), 0)
    # A vector without an observed entry has mass 1.
    logits = np.where(np.any(logits > -np.inf, -1, keepdims=True), logits, 0)
    log_p = np.where(seen, special.log_softmax(logits, -1), 0)
    coefficient = special.gammaln(x.sum(-1) + 1) - special.gammaln(x + 1).sum(-1)
    return coefficient + (x * log_p).sum(-1)


def rounding(logits: Any, x: Any) -> Any:
    """Return what two ulps in each share can move the log-mass of a vector by."""
    logits, x = np.asarray(logits, "f8"), np.asarray(x, "f8")
    error = x - x.sum(-1, keepdims=True) * special.softmax(logits, -1)
    return 2 * oracle.ULP * np.abs(error).sum(-1)


def test_log_prob_is_scipys_of_every_vector_summed() -> None:
    p = special.softmax(LOGITS.astype("f8"), -1)
    wanted = stats.multinomial.logpmf(X.astype("f8"), X.sum(-1), p)
    oracle.assert_near(oracle.log_prob(Multinomial(), LOGITS, X), wanted.sum((1, 2)))
    assert tuple(Multinomial().decoded_shape((4, 2, 5))) == (4, 2, 5)


def test_every_vector_has_a_total_of_its_own() -> None:
    totals = np.array([0, 1, 7, 1000, 50_000])
    logits = RNG.normal(size=(5, 5)).astype("f4")
    p = special.softmax(logits.astype("f8"), -1)
    x = np.stack([RNG.multinomial(n, row) for n, row in zip(totals, p, strict=True)])
    got = oracle.log_prob(Multinomial(), logits, x)
    wanted = stats.multinomial.logpmf(x, totals, p)
    oracle.assert_near(got, wanted, slack=rounding(logits, x))
    assert abs(got[0]) < 1e-6


def test_the_masses_of_all_counts_of_one_total_add_up_to_one() -> None:
    grid = np.stack(np.meshgrid(*3 * [np.arange(13)]), -1).reshape(-1, 3)
    x = grid[grid.sum(-1) == 12]
    got = oracle.log_prob(Multinomial(), np.tile([0.3, -1.0, 2.0], (len(x), 1)), x)
    assert abs(np.exp(got.astype("f8")).sum() - 1) < 1e-5


def test_values_are_exact_at_extremes_and_gradients_are_finite() -> None:
    raw, counts = [-100, 0, 1, 100], [0, 1, 16, 1e6]
    columns = oracle.rows(*3 * [raw], *3 * [counts])
    logits, x = oracle.blocks(*columns[:3]), oracle.blocks(*columns[3:])
    got = oracle.log_prob(Multinomial(), logits, x)
    oracle.assert_near(got, density(logits, x), slack=rounding(logits, x))
    oracle.assert_finite(Multinomial(), logits, x)


@pytest.mark.parametrize("total", [100, 10**4, 10**6, 10**7])
def test_values_are_exact_around_the_expected_counts(total: int) -> None:
    # The coefficient and the sum of x log p cancel from 1e7 to some 20 nats.
    logits = RNG.normal(size=(8, 5)).astype("f4")
    p = special.softmax(logits.astype("f8"), -1)
    x = np.stack([RNG.multinomial(total, row) for row in p])
    got = oracle.log_prob(Multinomial(), logits, x)
    oracle.assert_near(got, density(logits, x), slack=rounding(logits, x))


def test_the_same_number_added_to_all_logits_changes_nothing() -> None:
    # Powers of two, so that the sums are exact in float32.
    logits = np.round(LOGITS * 8) / 8
    shifted = oracle.log_prob(Multinomial(), logits + 64, X)
    oracle.assert_near(shifted, oracle.log_prob(Multinomial(), logits, X))


def test_the_gradient_is_the_count_minus_its_expectation() -> None:
    got = oracle.log_prob_gradient(Multinomial(), LOGITS, X)
    p = special.softmax(LOGITS.astype("f8"), -1)
    oracle.assert_near(got, X - X.sum(-1, keepdims=True) * p)


def test_the_mean_is_the_shares() -> None:
    got = ops.convert_to_numpy(Multinomial().mean(LOGITS))
    oracle.assert_near(got, special.softmax(LOGITS.astype("f8"), -1))


def test_draws_are_one_category_one_hot_in_its_share() -> None:
    logits = np.array([-1.0, 0.0, 2.0, 0.5], "f4")
    drawn = Multinomial().sample(np.tile(logits, (10_000, 2, 1)), Noise())
    drawn = ops.convert_to_numpy(drawn)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert (drawn.sum(-1) == 1).all()
    np.testing.assert_allclose(drawn.mean((0, 1)), special.softmax(logits), atol=0.02)


def test_masked_entries_leave_the_counts_and_the_shares() -> None:
    mask = (RNG.random(X.shape) < 0.6).astype("f4")
    mask[0, 0, 0], mask[0, 0, 1] = 1, 0
    got = oracle.log_prob(Multinomial(), LOGITS, X, mask)
    oracle.assert_near(got, density(LOGITS, X, mask > 0).sum((1, 2)))


def test_a_masked_vector_is_scipys_of_the_observed_entries() -> None:
    x, logits = X[:, 0, 0], LOGITS[:, 0, 0]
    mask = np.tile(np.array([1, 0, 1, 1, 0], "f4"), (3, 1))
    p = special.softmax(logits[:, [0, 2, 3]].astype("f8"), -1)
    wanted = stats.multinomial.logpmf(x[:, [0, 2, 3]], x[:, [0, 2, 3]].sum(-1), p)
    oracle.assert_near(oracle.log_prob(Multinomial(), logits, x, mask), wanted)


def test_masked_entries_have_no_gradient_whatever_they_hold() -> None:
    mask = (RNG.random(X.shape) < 0.6).astype("f4")
    mask[0, 0] = 0
    logits, x = LOGITS.copy(), X.copy()
    logits[mask == 0], x[mask == 0] = 100, 1e6
    got = oracle.log_prob_gradient(Multinomial(), logits, x, mask)
    seen = mask > 0
    p = special.softmax(np.where(seen, LOGITS.astype("f8"), -1e9), -1)
    wanted = seen * (X - (X * seen).sum(-1, keepdims=True) * p)
    oracle.assert_near(got, wanted)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_mask_of_leading_axes_chooses_whole_vectors(axes: int) -> None:
    mask = (RNG.random(X.shape[:axes]) < 0.5).astype("f4")
    got = oracle.log_prob(Multinomial(), LOGITS, X, mask)
    mask = mask.reshape(mask.shape + (1,) * (3 - axes))
    oracle.assert_near(got, (density(LOGITS, X) * mask).sum((1, 2)))


def test_data_must_be_counts() -> None:
    assert tuple(Multinomial().support) == (0, np.inf)
    Multinomial().check_support(np.array([[0.0, 1.0], [np.nan, 1e6]]))
    with pytest.raises(ValueError, match=r"lie in \[0, inf\]"):
        Multinomial().check_support(np.array([[0.0, -1.0]]))
    with pytest.raises(ValueError, match="whole"):
        Multinomial().check_support(np.array([[0.0, 1.5], [np.nan, 2.0]]))


def test_an_encoder_that_sees_units_is_told_nothing_of_the_total() -> None:
    x = X.copy()
    x[0, 0, 0] = 0.0  # an empty document
    x[1, 0, 1] *= 1e25  # whose square is no float32
    got = ops.convert_to_numpy(Multinomial("unit").encoder_input(ops.convert_to_tensor(x)))
    length = np.linalg.norm(x.astype("f8"), axis=-1, keepdims=True)
    wanted = np.divide(x, length, out=np.zeros(x.shape), where=length > 0)
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-9)


def test_an_unknown_input_of_the_encoder_is_refused() -> None:
    with pytest.raises(ValueError, match="must be 'log' or 'unit'"):
        Multinomial("counts")  # type: ignore[arg-type]


def test_vectors_of_one_number_are_refused() -> None:
    with pytest.raises(ValueError, match="of 2 numbers or more"):
        Multinomial().check_event((8, 8, 1))
