"""How models of clusters start, go on and end."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.metrics import adjusted_rand_score

import keras_ae
from keras_ae.clusters import Settling
from keras_ae.starting import TrainingRows

RNG = np.random.default_rng(0)
GROUPS = RNG.integers(3, size=300)
CENTRES = 2 * RNG.normal(size=(3, 8))
X = (CENTRES[GROUPS] + 0.5 * RNG.normal(size=(300, 8))).astype("float32")
VARIANTS = ["dec", "idec", "dcn"]


def made(variant: str, **options: Any) -> Any:
    given = {"latent_dim": 2, "clusters": 3, "hidden": [16], "pretrain_batch_size": 50, **options}
    model = keras_ae.create(variant, input_shape=(8,), **given)
    model.compile(keras.optimizers.Adam(0.003))
    return model


@pytest.mark.parametrize("variant", VARIANTS)
def test_clusters_of_data_are_found(variant: str) -> None:
    model = made(variant, pretrain_epochs=40)
    model.fit(X, epochs=5, batch_size=50, verbose=0)
    shares = np.asarray(model.responsibilities(X))
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    assert adjusted_rand_score(GROUPS, shares.argmax(1)) > 0.8


@pytest.mark.parametrize("variant", VARIANTS)
def test_training_begins_with_an_autoencoder_and_k_means_of_its_codes(variant: str) -> None:
    model = made(variant, pretrain_epochs=40)
    before = np.mean((model.reconstruct(X) - X) ** 2)
    model.begin(TrainingRows(X), is_new=True)
    assert np.mean((model.reconstruct(X) - X) ** 2) < 0.8 * before
    codes, centres = model.encode(X), ops.convert_to_numpy(model.bottleneck.centres)
    labels = ((codes[:, None] - centres) ** 2).sum(-1).argmin(1)
    means = np.stack([codes[labels == k].mean(0) for k in range(3)])
    np.testing.assert_allclose(centres, means, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("variant", ["dec", "idec"])
def test_the_target_is_renewed_after_each_epoch(variant: str) -> None:
    model, seen = made(variant, pretrain_epochs=1, tolerance=0.0), []
    term = model.objective[1]
    see = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: seen.append(ops.convert_to_numpy(term.frequencies).copy())
    )
    model.fit(X, epochs=3, batch_size=50, callbacks=[see], verbose=0)
    shares = np.asarray(model.responsibilities(X))
    np.testing.assert_allclose(ops.convert_to_numpy(term.frequencies), shares.mean(0), rtol=1e-3)
    assert len(np.unique(np.stack(seen), axis=0)) == 3
    mine = [*term.encoder.get_weights(), *term.bottleneck.get_weights()]
    theirs = [*model.encoder.get_weights(), *model.bottleneck.get_weights()]
    for kept, of_model in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(kept, of_model)


def test_the_divergence_from_one_target_falls(monkeypatch: Any) -> None:
    model = made("dec", pretrain_epochs=1)
    model.begin(TrainingRows(X), is_new=True)
    monkeypatch.setattr(type(model), "between", lambda self, rows: None)
    model.step.assign(1)
    history = model.fit(X, epochs=8, batch_size=50, verbose=0).history["cluster_divergence"]
    assert history[-1] < 0.8 * history[0]


def test_training_ends_when_few_rows_change_their_cluster() -> None:
    model = made("dcn", pretrain_epochs=40, tolerance=0.5)
    history = model.fit(X, epochs=30, batch_size=50, verbose=0)
    assert len(history.history["loss"]) < 30
    model = made("dcn", pretrain_epochs=1, tolerance=0.0)
    history = model.fit(X, epochs=8, batch_size=50, verbose=0)
    assert len(history.history["loss"]) == 8


def test_settled_is_when_a_smaller_share_of_rows_has_moved_than_the_tolerance() -> None:
    settling, shares = Settling(0.3), np.eye(2)[[0, 0, 0, 1]]
    assert not settling.is_settled(shares)
    assert settling.is_settled(shares)
    assert settling.is_settled(shares[[0, 0, 3, 3]])
    assert not settling.is_settled(shares[[3, 3, 3, 3]])


def test_dec_leaves_its_decoder_as_the_autoencoder_had_it() -> None:
    model = made("dec", pretrain_epochs=2, tolerance=0.0)
    model.begin(TrainingRows(X), is_new=True)
    before = [w.copy() for w in model.decoder.get_weights()]
    model.step.assign(1)
    model.fit(X, epochs=2, batch_size=50, verbose=0)
    for old, new in zip(before, model.decoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_more_clusters_than_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="clusters=3 for 2 rows"):
        made("idec", pretrain_epochs=1).fit(X[:2], epochs=1, verbose=0)
