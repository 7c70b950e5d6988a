from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from keras import ops
from sklearn import mixture
from sklearn.metrics import adjusted_rand_score

import keras_ae
from keras_ae.starting import TrainingRows

RNG = np.random.default_rng(0)
GROUPS = RNG.integers(3, size=150)
CENTRES = 3 * RNG.normal(size=(3, 6))
X = (CENTRES[GROUPS] + 0.5 * RNG.normal(size=(150, 6))).astype("float32")


def make(**options: Any) -> Any:
    given = {"latent_dim": 2, "components": 3, "hidden": [8], "pretrain_batch_size": 32, **options}
    model = keras_ae.create("vade", input_shape=(6,), **given)
    model.compile("adam")
    return model


@pytest.mark.parametrize("normalize", [None, "standard"])
def test_it_begins_with_a_mixture_of_an_autoencoders_codes(normalize: Any) -> None:
    model = make(pretrain_epochs=60, normalize=normalize)
    if normalize:
        model.adapt(X)
    before = np.mean((model.reconstruct(X) - X) ** 2)
    model.begin(TrainingRows(X), is_new=True)
    assert np.mean((model.reconstruct(X) - X) ** 2) < 0.9 * before
    codes = model.encode(X)
    fitted = mixture.GaussianMixture(3, covariance_type="diag", random_state=0)
    wanted = fitted.fit(codes.astype("f8")).score_samples(codes.astype("f8"))
    found = ops.convert_to_numpy(model.prior.log_prob(codes))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)


def test_a_fit_begins_once() -> None:
    model = make(pretrain_epochs=1)
    model.fit(X, epochs=1, batch_size=50, verbose=0)
    begun: list[int] = []
    model.prior.__dict__["start"] = lambda codes: begun.append(len(codes))
    model.fit(X, epochs=1, batch_size=50, verbose=0)
    assert not begun


def test_clusters_of_data_are_found() -> None:
    model = make(pretrain_epochs=30)
    model.fit(X, epochs=5, batch_size=50, verbose=0)
    found = model.responsibilities(X).argmax(1)
    assert adjusted_rand_score(GROUPS, found) > 0.8


def test_without_pretraining_a_generator_will_do_and_with_it_is_refused() -> None:
    def batches() -> Iterator[Any]:
        while True:
            yield X[:10], None

    with pytest.raises(ValueError, match="must be readable more than once"):
        make().fit(batches(), steps_per_epoch=1, verbose=0)
    make(pretrain_epochs=0).fit(batches(), steps_per_epoch=1, verbose=0)


def test_fewer_rows_than_clusters_are_refused() -> None:
    with pytest.raises(ValueError, match="a mixture of 3 components must"):
        make(pretrain_epochs=1).fit(X[:2], verbose=0)
