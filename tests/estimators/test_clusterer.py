from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

import keras_ae
from keras_ae import estimators
from keras_ae.estimators import Clusterer

RNG = np.random.default_rng(0)
GROUPS = RNG.integers(3, size=300)
X = 3 * RNG.normal(size=(3, 6))[GROUPS] + RNG.normal(size=(300, 6))


@pytest.fixture(scope="module")
def clusterer() -> Clusterer:
    return Clusterer(3, epochs=5, random_state=0).fit(X)


def test_groups_are_found_and_new_rows_get_the_cluster_of_their_likes(clusterer: Clusterer) -> None:
    assert clusterer.labels_.dtype.kind == "i"
    assert adjusted_rand_score(GROUPS, clusterer.labels_) > 0.8
    np.testing.assert_array_equal(clusterer.predict(X), clusterer.labels_)
    near = X + 0.05 * RNG.normal(size=X.shape)
    assert (clusterer.predict(near) == clusterer.labels_).mean() > 0.97
    np.testing.assert_array_equal(clusterer.predict(X[7:9]), clusterer.labels_[7:9])


def test_shares_are_the_models_own(clusterer: Clusterer) -> None:
    x = clusterer.scaling_.apply(X)
    shares = clusterer.predict_proba(X)
    np.testing.assert_allclose(shares, clusterer.model_.responsibilities(x), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    assert clusterer.centres_ is None


@pytest.mark.parametrize("model", ["dec", "dcn", "vade"])
def test_other_models_with_clusters_may_find_them(model: str) -> None:
    made = Clusterer(3, model=model, epochs=5, random_state=0).fit(X)
    assert made.model_.clusters == 3
    assert adjusted_rand_score(GROUPS, made.labels_) > 0.8


def test_k_means_divides_the_codes_of_a_model_without_clusters() -> None:
    made = Clusterer(3, model="autoencoder", latent_dim=2, epochs=30, random_state=0).fit(X)
    assert adjusted_rand_score(GROUPS, made.labels_) > 0.8
    codes = made.transform(X)
    means = np.stack([codes[made.labels_ == k].mean(0) for k in range(3)])
    np.testing.assert_allclose(made.centres_, means, rtol=1e-3, atol=1e-3)
    kernel = 1 / (1 + ((codes[:, None] - means) ** 2).sum(-1))
    shares = kernel / kernel.sum(1, keepdims=True)
    np.testing.assert_allclose(made.predict_proba(X), shares, rtol=1e-2)


def test_one_seed_gives_one_answer() -> None:
    first, second = (Clusterer(3, epochs=1, random_state=4).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.labels_, second.labels_)


def test_tables_of_all_kinds_are_divided() -> None:
    table = pd.DataFrame({"size": X[:, 0], "kind": pd.Categorical(GROUPS.astype(str))})
    found = Clusterer(3, epochs=5, random_state=0).fit_predict(table)
    assert adjusted_rand_score(GROUPS, found) > 0.8


def test_it_comes_back_from_a_file(clusterer: Clusterer, tmp_path: Path) -> None:
    again = estimators.load(clusterer.save(tmp_path / "groups.estimator"))
    np.testing.assert_array_equal(again.labels_, clusterer.labels_)
    np.testing.assert_array_equal(again.predict_proba(X), clusterer.predict_proba(X))
    assert again.get_params() == clusterer.get_params()
    plain = Clusterer(2, model="autoencoder", epochs=1, random_state=0).fit(X)
    again = estimators.load(plain.save(tmp_path / "plain.estimator"))
    np.testing.assert_array_equal(again.predict(X), plain.labels_)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"n_samples=5 should be >= n_clusters=8\. Ask for fewer"):
        Clusterer().fit(X[:5])
    with pytest.raises(ValueError, match="`n_clusters` must be a whole number"):
        Clusterer(0).fit(X)
    other = keras_ae.create("dec", input_shape=(6,), clusters=4)
    with pytest.raises(ValueError, match="a model of 4"):
        Clusterer(3, model=other).fit(X)


def test_a_code_as_long_as_a_row_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="can repeat rows of 6"):
        Clusterer(3, latent_dim=6, epochs=1).fit(X)


def test_more_rows_train_on(clusterer: Clusterer) -> None:
    made: Any = Clusterer(3, random_state=0).partial_fit(X[:200])
    model = made.model_
    made.partial_fit(X[200:])
    assert made.model_ is model
    assert made.labels_.shape == (100,)
