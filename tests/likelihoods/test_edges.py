"""Edges of graphs beside SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from scipy import stats
from scipy.special import expit

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import Edges
from tests.likelihoods import oracle

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(3, 4, 4)).astype("f4")
LOGITS = LOGITS + LOGITS.transpose(0, 2, 1)
ABOVE = np.triu(RNG.random((3, 4, 4)) < 0.5, 1)
A = (ABOVE + ABOVE.transpose(0, 2, 1)).astype("f4")
OTHERS = 1 - np.eye(4)


@pytest.mark.parametrize("edge_weight", [1.0, 3.0])
def test_log_prob_is_bernoullis_of_all_pairs_of_different_nodes(edge_weight: float) -> None:
    each = stats.bernoulli.logpmf(A.astype(int), expit(LOGITS.astype("f8")))
    each = np.where(A > 0, edge_weight * each, each)
    got = oracle.log_prob(Edges(edge_weight), LOGITS, A)
    np.testing.assert_allclose(got, 0.5 * (each * OTHERS).sum((1, 2)), rtol=1e-5)


def test_pairs_behind_a_mask_do_not_count() -> None:
    above = np.triu(RNG.random((3, 4, 4)) < 0.6)
    seen = (above | above.transpose(0, 2, 1)).astype("f4")
    each = stats.bernoulli.logpmf(A.astype(int), expit(LOGITS.astype("f8")))
    got = oracle.log_prob(Edges(), LOGITS, A, seen)
    np.testing.assert_allclose(got, 0.5 * (each * OTHERS * seen).sum((1, 2)), rtol=1e-5)


def test_graphs_that_are_drawn_are_undirected_and_have_their_probabilities() -> None:
    many = ops.convert_to_tensor(LOGITS[:1].repeat(4_000, 0))
    drawn = ops.convert_to_numpy(Edges().sample(many, Noise()))
    np.testing.assert_array_equal(drawn, drawn.transpose(0, 2, 1))
    assert set(np.unique(drawn)) == {0.0, 1.0}
    wanted = expit(LOGITS[0]) * OTHERS
    np.testing.assert_allclose(drawn.mean(0), wanted, atol=0.035)
    np.testing.assert_allclose(ops.convert_to_numpy(Edges().mean(many))[0], wanted, rtol=1e-5)


def test_what_is_no_adjacency_is_refused() -> None:
    with pytest.raises(ValueError, match="edges need adjacencies"):
        Edges().check_event((4, 5))
    with pytest.raises(ValueError, match="must lie in"):
        Edges().check_support(np.array([[[0.0, 2.0]]]))
    with pytest.raises(ValueError, match="edge_weight"):
        Edges(0.0)


def test_nodes_behind_a_mask_have_no_pairs() -> None:
    nodes = np.array([[1, 1, 1, 0], [1, 0, 1, 1], [1, 1, 1, 1]], "f4")
    pairs = nodes[:, :, None] * nodes[:, None]
    got = oracle.log_prob(Edges(), LOGITS, A, nodes)
    np.testing.assert_allclose(got, oracle.log_prob(Edges(), LOGITS, A, pairs), rtol=1e-6)


def test_the_masses_of_all_graphs_add_up_to_one() -> None:
    graphs = []
    for bits in range(8):
        above = np.zeros((3, 3), "f4")
        above[np.triu_indices(3, 1)] = [bits & 1, bits >> 1 & 1, bits >> 2]
        graphs.append(above + above.T)
    logits = (LOGITS[:1, :3, :3]).repeat(8, 0)
    got = oracle.log_prob(Edges(), logits, np.stack(graphs))
    assert np.exp(got.astype("f8")).sum() == pytest.approx(1.0, rel=1e-5)


def test_graphs_of_two_directions_and_loops_are_refused() -> None:
    one_sided = A.copy()
    one_sided[0, 0, 2], one_sided[0, 2, 0] = np.nan, 1.0
    for wrong in (np.triu(np.ones((1, 4, 4)), 1), one_sided):
        with pytest.raises(ValueError, match="must be symmetric"):
            Edges().check_support(wrong)
    with pytest.raises(ValueError, match="no loops"):
        Edges().check_support(np.eye(4)[None])
    without_a_node = A.copy()
    without_a_node[:, 3] = np.nan
    Edges().check_support(without_a_node)
