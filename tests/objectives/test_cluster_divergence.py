"""The divergence of shares of clusters from sharper ones, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.objectives import ClusterDivergence

X = np.random.default_rng(0).normal(size=(20, 6)).astype("float32")


def made() -> Any:
    options = {"latent_dim": 2, "clusters": 3, "hidden": [5]}
    model = keras_ae.create("dec", input_shape=(6,), **options)
    model.bottleneck.put(np.random.default_rng(1).normal(size=(3, 2)), None)
    return model


def divergence(model: Any, x: np.ndarray) -> np.ndarray:
    outputs = model(x)
    found = model.objective[1].value(model, model.batch(x), outputs, True)
    return np.asarray(ops.convert_to_numpy(found))


def wanted(of_then: np.ndarray, of_now: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Xie et al. (2016), equations 2 and 3."""
    sharper = of_then.astype("f8") ** 2 / frequencies
    p = sharper / sharper.sum(1, keepdims=True)
    found: np.ndarray = (p * np.log(p / of_now)).sum(1)
    return found


def test_the_target_is_of_the_shares_at_the_last_renewal_and_their_sums_over_all_rows() -> None:
    model = made()
    then = np.asarray(model.responsibilities(X))
    model.objective[1].renew(model, then)
    for layer in (model.encoder, model.bottleneck.projection):
        rng = np.random.default_rng(2)
        layer.set_weights([w + 0.3 * rng.normal(size=w.shape) for w in layer.get_weights()])
    now = np.asarray(model.responsibilities(X))
    assert np.abs(now - then).max() > 0.05
    found = divergence(model, X[:5])  # whatever rows are in a batch
    np.testing.assert_allclose(found, wanted(then, now, then.sum(0))[:5], rtol=1e-3, atol=1e-5)


def test_only_what_learns_has_a_gradient() -> None:
    model = made()
    kept = {id(v) for v in model.objective[1].variables}
    assert kept
    assert not kept & {id(v) for v in model.trainable_variables}


def test_a_model_needs_clusters() -> None:
    with pytest.raises(ValueError, match="does not report"):
        keras_ae.LatentModel(
            (6,), bottleneck=keras_ae.bottlenecks.Deterministic(2), objective=[ClusterDivergence()]
        )
    with pytest.raises(ValueError, match="ClusterDivergence needs clusters of codes"):
        keras_ae.LatentModel(
            (6,),
            bottleneck=keras_ae.bottlenecks.SoftClusters(2, 3),
            objective=[ClusterDivergence()],
        )
