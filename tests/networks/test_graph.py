"""Graph convolutions beside NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.networks import graph

RNG = np.random.default_rng(0)


def graphs(rows: int, nodes: int) -> np.ndarray:
    above = np.triu(RNG.random((rows, nodes, nodes)) < 0.4, 1)
    return (above + above.transpose(0, 2, 1)).astype("f4")


A = graphs(3, 5)
A[1, 4] = A[1, :, 4] = 0  # a node without an edge


def propagation(adjacency: np.ndarray) -> np.ndarray:
    looped = adjacency.astype("f8") + np.eye(len(adjacency))
    root = np.diag(looped.sum(1) ** -0.5)
    return np.asarray(root @ looped @ root)


def test_propagation_is_the_symmetrically_normalised_adjacency() -> None:
    got = ops.convert_to_numpy(graph.Propagation()(ops.convert_to_tensor(A)))
    for one, adjacency in zip(got, A, strict=True):
        np.testing.assert_allclose(one, propagation(adjacency), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got[1, 4], [0, 0, 0, 0, 1])


@pytest.mark.parametrize("told", [None, (5, 3), (2,)])
def test_features_are_convolved_and_propagated_once_more(told: tuple[int, ...] | None) -> None:
    network = graph.encoder(5, [4, 6], told)
    size = int(np.prod(told)) if told else 0
    vector = RNG.normal(size=(3, size)).astype("f4")
    appended = vector[:, None].repeat(5, axis=1)
    got = ops.convert_to_numpy(network(np.concatenate([A, appended], axis=2)))
    weights = [np.array(w, "f8") for w in network.get_weights()]
    for row, adjacency in enumerate(A):
        p = propagation(adjacency)
        h = np.eye(5)
        if told == (5, 3):
            h = vector[row].reshape(5, 3).astype("f8")
        elif told:
            h = np.concatenate([h, appended[row]], axis=1)
        for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
            h = np.maximum(p @ h @ kernel + bias, 0)
        np.testing.assert_allclose(got[row], p @ h, rtol=1e-4, atol=1e-5)


def test_logits_are_inner_products_of_codes() -> None:
    z = RNG.normal(size=(3, 5, 2)).astype("f4")
    told = RNG.normal(size=(3, 5, 10)).astype("f4")
    got = ops.convert_to_numpy(graph.decoder(5, 2, (5, 2))(np.concatenate([z, told], axis=2)))
    np.testing.assert_allclose(got, np.einsum("bid,bjd->bij", z, z), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(4, 5), (4,), (4, 4, 1)])
def test_what_is_no_graph_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(nodes, nodes\)"):
        graph.nodes_of(shape)


def test_a_graph_network_has_a_layer() -> None:
    with pytest.raises(ValueError, match="at least one layer"):
        graph.encoder(4, [])
