from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris

from keras_ae.reports import linear_probe, pca_baseline

RNG = np.random.default_rng(0)


def test_pcas_error_is_the_variance_outside_of_its_subspace() -> None:
    x = RNG.normal(size=(200, 4)) * [5, 3, 1, 0.5]
    report, train, test = pca_baseline(x.reshape(200, 2, 2), x.reshape(200, 2, 2), 2)
    centred = x - x.mean(0)
    singular = np.linalg.svd(centred, compute_uv=False)
    assert report["mse"] == pytest.approx((singular[2:] ** 2).sum() / x.size)
    assert train.shape == test.shape == (200, 2)


def test_more_components_than_numbers_leave_no_error() -> None:
    x = RNG.normal(size=(20, 3))
    report, _, _ = pca_baseline(x, x, 50)
    assert report["components"] == 3
    assert report["mse"] < 1e-20


def test_the_probe_separates_what_is_separable() -> None:
    x, y = load_iris(return_X_y=True)
    assert linear_probe(x[::2], y[::2], x[1::2], y[1::2]) > 0.9
    shuffled = RNG.permutation(y)
    assert linear_probe(x[::2], shuffled[::2], x[1::2], shuffled[1::2]) < 0.6
