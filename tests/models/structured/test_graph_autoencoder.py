"""Graphs whose nodes have codes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import keras_ae

NAMES = ("graph_autoencoder", "variational_graph_autoencoder")


def communities(rows: int, nodes: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Graphs of two communities, whose nodes are linked often within and seldom between."""
    rng = np.random.default_rng(seed)
    side = rng.integers(0, 2, (rows, nodes))
    likely = np.where(side[:, :, None] == side[:, None], 0.8, 0.05)
    above = np.triu(rng.random((rows, nodes, nodes)) < likely, 1)
    return (above + above.transpose(0, 2, 1)).astype("f4"), side


@pytest.mark.parametrize("name", NAMES)
def test_links_that_were_hidden_are_told_by_the_others(name: str) -> None:
    x, _ = communities(300)
    rng = np.random.default_rng(1)
    hidden = np.triu(rng.random(x.shape) < 0.15, 1)
    hidden = hidden | hidden.transpose(0, 2, 1)
    keras.utils.set_random_seed(0)
    model = keras_ae.create(name, input_shape=(12, 12), latent_dim=4, hidden=[32])
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit({"x": x, "mask": (~hidden).astype("f4")}, batch_size=30, epochs=20, verbose=0)
    found = model.reconstruct({"x": x, "mask": (~hidden).astype("f4")})
    assert roc_auc_score(x[hidden], found[hidden]) > 0.75


@pytest.mark.parametrize("name", NAMES)
def test_padding_changes_no_nodes_code_and_no_score(name: str) -> None:
    x, _ = communities(4, 6)
    features = np.random.default_rng(2).normal(size=(4, 6, 3)).astype("f4")
    small = keras_ae.create(name, input_shape=(6, 6), latent_dim=2, condition=(6, 3))
    large = keras_ae.create(name, input_shape=(9, 9), latent_dim=2, condition=(9, 3))
    large.set_weights(small.get_weights())
    padded = np.zeros((4, 9, 9), "f4")
    padded[:, :6, :6] = x
    mask = np.zeros((4, 9, 9), "f4")
    mask[:, :6, :6] = 1
    more = np.zeros((4, 9, 3), "f4")
    more[:, :6] = features
    given = {"x": padded, "mask": mask, "condition": more}
    plain = {"x": x, "condition": features}
    np.testing.assert_allclose(
        large.encode(given)[:, :6], small.encode(plain), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(large.score(given), small.score(plain), rtol=1e-4)
    of_nodes = {**given, "mask": mask[:, :, 0]}
    np.testing.assert_allclose(large.score(of_nodes), small.score(plain), rtol=1e-4)


def test_new_graphs_are_undirected() -> None:
    model: Any = keras_ae.create("variational_graph_autoencoder", input_shape=(5, 5), latent_dim=2)
    drawn = model.sample(7, seed=0, observed=True)
    assert drawn.shape == (7, 5, 5)
    np.testing.assert_array_equal(drawn, drawn.transpose(0, 2, 1))
