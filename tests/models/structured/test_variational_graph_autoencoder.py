"""Graphs whose nodes have drawn codes, beside the paper's networks and bound in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit, log_expit

import keras_ae
from tests.models.structured.closed_form import assert_mean, hermite, host, rate

RNG = np.random.default_rng(0)
NODES, BETA = 5, 0.6
ABOVE = np.triu(RNG.random((3, NODES, NODES)) < 0.5, 1)
A = (ABOVE + ABOVE.transpose(0, 2, 1)).astype("f4")
FEATURES = RNG.normal(size=(3, NODES, 3)).astype("f4")
PLACES = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 1, 1, 0]], "f4")
HIDDEN = np.triu(RNG.random((3, NODES, NODES)) < 0.3, 1)
PAIRS = (~(HIDDEN | HIDDEN.transpose(0, 2, 1))).astype("f4")


def make(features: bool, latent_dim: int = 2, **options: Any) -> Any:
    """Return a model with random weights."""
    told = {"condition": (NODES, 3)} if features else {}
    model = keras_ae.create(
        "variational_graph_autoencoder",
        **{"input_shape": (NODES, NODES), "hidden": [4], "beta": BETA, **told, **options},
        latent_dim=latent_dim,
    )
    rng = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(scale=0.7, size=weight.shape))
    model.compile("sgd")
    return model


def given(features: bool, mask: np.ndarray | None, copies: int = 1) -> dict[str, np.ndarray]:
    """Return graphs, padded with nodes that have no edges, and what a model is told of them."""
    rows: dict[str, np.ndarray] = {"x": A}
    if mask is not None:
        inside = mask[:, :, None] * mask[:, None] if mask.ndim == 2 else 1.0
        rows = {"x": A * inside, "mask": mask}
    if features:
        rows["condition"] = FEATURES
    return {key: value.repeat(copies, axis=0) for key, value in rows.items()}


class Graph:
    """What a model should make of one graph, with its weights: Kipf and Welling, section 2."""

    def __init__(self, model: Any, index: int, features: bool, mask: np.ndarray | None) -> None:
        there, pairs = np.ones(NODES), np.ones((NODES, NODES))
        if mask is not None:
            there = mask[index].astype("f8") if mask.ndim == 2 else there
            pairs = mask[index].astype("f8") if mask.ndim == 3 else np.outer(there, there)
        self.there, self.edges = there > 0, A[index].astype("f8")
        self.counted = np.triu(pairs, 1) > 0
        seen = self.edges * pairs + np.diag(there)
        degree = np.maximum(seen.sum(1), 1.0)
        self.spread = seen / np.sqrt(np.outer(degree, degree))
        weights = {weight.path: host(weight) for weight in model.trainable_variables}
        x = FEATURES[index].astype("f8") if features else np.eye(NODES)
        hidden = self.spread @ x @ weights["convolution_0/kernel"] + weights["convolution_0/bias"]
        hidden = self.spread @ np.maximum(hidden, 0.0)
        self.mean, self.log_var = (
            hidden @ weights[f"gaussian/{name}/kernel"] + weights[f"gaussian/{name}/bias"]
            for name in ("mean", "log_var")
        )

    def rate(self) -> float:
        """Return the divergence of the codes of the nodes that are there."""
        return float(rate(self.mean, self.log_var).sum(1)[self.there].sum())

    def density(self, weight: float = 1.0) -> float:
        """Return that of the edges at the codes' means, each pair counted once."""
        logits = self.mean @ self.mean.T
        each = np.where(self.edges > 0, weight * log_expit(logits), log_expit(-logits))
        return float(each[self.counted].sum())

    def expected(self, weight: float) -> float:
        """Return that of the edges where codes of one number are drawn, pair by pair."""
        nodes, chances = hermite(self.mean[:, 0], np.exp(self.log_var[:, 0]), 40)
        total = 0.0
        for i, j in np.argwhere(self.counted):
            logits = np.outer(nodes[i], nodes[j])
            edge = self.edges[i, j] > 0
            each = weight * log_expit(logits) if edge else log_expit(-logits)
            total += float(chances @ each @ chances)
        return total


MASKS = [None, PLACES, PAIRS]


@pytest.mark.parametrize("mask", MASKS, ids=["whole", "nodes", "links"])
@pytest.mark.parametrize("features", [False, True])
def test_codes_and_scores_are_those_of_two_convolutions(
    features: bool, mask: np.ndarray | None
) -> None:
    model = make(features)
    rows = given(features, mask)
    found, scores = model.posterior(rows), model.score(rows)
    probable = model.reconstruct(rows)
    for index in range(3):
        graph = Graph(model, index, features, mask)
        for key, wanted in (("mean", graph.mean), ("log_var", graph.log_var)):
            got = found[key][index][graph.there]
            np.testing.assert_allclose(got, wanted[graph.there], rtol=1e-4, atol=1e-5)
        assert scores[index] == pytest.approx(graph.rate() - graph.density(), rel=1e-4)
        wanted = expit(graph.mean @ graph.mean.T)
        known = np.outer(graph.there, graph.there) & ~np.eye(NODES, dtype=bool)
        np.testing.assert_allclose(probable[index][known], wanted[known], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("edge_weight", [1.0, 3.0])
@pytest.mark.parametrize("mask", MASKS, ids=["whole", "nodes", "links"])
def test_the_loss_is_the_papers_bound_by_quadrature(
    mask: np.ndarray | None, edge_weight: float
) -> None:
    model = make(True, latent_dim=1, edge_weight=edge_weight)
    graphs = [Graph(model, index, True, mask) for index in range(3)]
    # The paper's sum over i and j has every pair twice; likelihoods have it once.
    wanted = np.mean([BETA * g.rate() - 2 * g.expected(edge_weight) for g in graphs])
    many = given(True, mask, copies=2_000)
    found = [model.evaluate(many, batch_size=6_000, seed=seed, verbose=0)[0] for seed in range(12)]
    assert_mean(np.array(found), wanted)


@pytest.mark.parametrize("method", ["elbo", "log_prob"])
@pytest.mark.parametrize("mask", MASKS, ids=["whole", "nodes", "links"])
def test_bounds_are_of_the_nodes_that_are_there(mask: np.ndarray | None, method: str) -> None:
    model = make(True, latent_dim=1)
    graphs = [Graph(model, index, True, mask) for index in range(3)]
    wanted = [graph.expected(1.0) - graph.rate() for graph in graphs]
    found = getattr(model, method)(given(True, mask, copies=4_000), 1)
    assert_mean(found.reshape(3, -1).T, wanted)


@pytest.mark.parametrize("masked", [False, True])
def test_nodes_in_another_order_have_the_same_codes(masked: bool) -> None:
    model = make(True)
    rows = given(True, PLACES if masked else None)
    order = np.array([3, 0, 4, 2, 1])
    turned = {"x": rows["x"][:, order][:, :, order], "condition": rows["condition"][:, order]}
    there = np.ones((3, NODES), "f4")
    if masked:
        there = PLACES
        turned["mask"] = PLACES[:, order]
    codes, others = model.encode(rows), model.encode(turned)
    assert abs(codes - others).max() > 0.1
    kept = there[:, order] > 0
    np.testing.assert_allclose(others[kept], codes[:, order][kept], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.score(turned), model.score(rows), rtol=1e-4)
    probable = model.reconstruct(rows)[:, order][:, :, order]
    both = kept[:, :, None] & kept[:, None]
    found = model.reconstruct(turned)
    np.testing.assert_allclose(found[both], probable[both], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ["encode", "score", "log_prob", "evaluate"])
@pytest.mark.parametrize("mask", [PLACES, PAIRS], ids=["nodes", "links"])
def test_edges_behind_a_mask_change_nothing(mask: np.ndarray, method: str) -> None:
    model, rows = make(True), given(True, mask)
    pairs = mask if mask.ndim == 3 else mask[:, :, None] * mask[:, None]
    there = mask > 0 if mask.ndim == 2 else np.ones((3, NODES), "bool")
    others = {**rows, "x": np.where(pairs > 0, A, 1.0).astype("f4")}
    if mask.ndim == 2:  # nor do the features of nodes that are not there
        others["condition"] = np.where(there[:, :, None], FEATURES, 9.0).astype("f4")
    options = {"seed": 1, "verbose": 0} if method == "evaluate" else {}
    found, wanted = (np.array(getattr(model, method)(r, **options)) for r in (others, rows))
    if method == "encode":
        found, wanted = found[there], wanted[there]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_an_evenly_drawn_code_gives_the_density_of_the_prior() -> None:
    model = make(True, latent_dim=1)
    for weight in model.trainable_variables:
        if "gaussian" in weight.path:
            weight.assign(np.zeros(weight.shape))
    graph = Graph(model, 1, True, PLACES)  # three nodes are there
    nodes, chances = hermite(0.0, 1.0, 40)
    logits = np.einsum("i,j->ij", nodes, nodes)
    total: Any = 1.0
    for pair in ((0, 1), (0, 2), (1, 2)):
        edge = graph.edges[pair] > 0
        shape = [40 if axis in pair else 1 for axis in range(3)]
        total = total * expit(logits if edge else -logits).reshape(shape)
    wanted = np.log(np.einsum("ijk,i,j,k->", total, chances, chances, chances))
    found = model.log_prob({k: v[1:2] for k, v in given(True, PLACES).items()}, 20_000)
    assert found[0] == pytest.approx(wanted, abs=0.02)
