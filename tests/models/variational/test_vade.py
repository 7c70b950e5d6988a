"""Clustering by a VAE: how it starts, and that it finds clusters."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae

RNG = np.random.default_rng(0)
CENTRES = 3.0 * RNG.normal(size=(3, 8))
LABELS = np.repeat(np.arange(3), 60)
X = (CENTRES[LABELS] + 0.3 * RNG.normal(size=(180, 8))).astype("f4")


def made(**options: Any) -> Any:
    keras.utils.set_random_seed(1)
    model = keras_ae.create(
        "vade", input_shape=(8,), latent_dim=2, hidden=[16], **{"components": 3, **options}
    )
    model.compile(keras.optimizers.Adam(1e-3))
    return model


def test_groups_far_apart_become_its_clusters() -> None:
    model = made(pretrain_epochs=40, pretrain_batch_size=30)
    model.fit(X, epochs=3, batch_size=30, verbose=0)
    shares = model.responsibilities(X)
    np.testing.assert_allclose(shares.sum(1), 1.0, rtol=1e-5)
    found = shares.argmax(1)
    assert [len(set(found[group == LABELS])) for group in range(3)] == [1, 1, 1]
    assert len(set(found)) == 3


def test_the_mixture_starts_from_the_pretrained_codes_likelihood() -> None:
    model = made(pretrain_epochs=1)
    untouched = ops.convert_to_numpy(model.prior.means).copy()
    model.begin(X)
    from sklearn.mixture import GaussianMixture

    fitted = GaussianMixture(3, covariance_type="diag", random_state=0).fit(model.encode(X))
    codes = model.encode(X)
    found = ops.convert_to_numpy(model.prior.log_prob(codes))
    np.testing.assert_allclose(found.mean(), fitted.score(codes), rtol=1e-3)
    assert not np.allclose(untouched, ops.convert_to_numpy(model.prior.means))


def test_pretraining_is_that_of_an_autoencoder_of_its_networks() -> None:
    model = made(pretrain_epochs=30, pretrain_batch_size=30)
    before = float(np.mean((model.reconstruct(X) - X) ** 2))
    model.begin(X)
    assert float(np.mean((model.reconstruct(X) - X) ** 2)) < 0.5 * before


def test_it_starts_once() -> None:
    model = made(pretrain_epochs=1)
    model.fit(X, epochs=1, batch_size=60, verbose=0)
    means = ops.convert_to_numpy(model.prior.means).copy()
    model.optimizer.learning_rate.assign(0.0)
    model.fit(X, epochs=1, batch_size=60, verbose=0)
    np.testing.assert_array_equal(ops.convert_to_numpy(model.prior.means), means)


def test_data_that_can_be_read_once_are_refused_before_a_step() -> None:
    model = made()
    with pytest.raises(ValueError, match="readable more than once"):
        model.fit(((X[:30],) for _ in range(2)), steps_per_epoch=2, verbose=0)
    made(pretrain_epochs=0).fit(((X[:30],) for _ in range(2)), steps_per_epoch=2, verbose=0)


def test_more_clusters_than_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least as many codes. Received: 2"):
        made(pretrain_epochs=1).fit(X[:2], verbose=0)
