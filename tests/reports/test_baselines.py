from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris

from keras_ae.reports import linear_probe, pca_baseline, probe_rows

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


def test_missing_entries_stand_at_the_training_mean_and_have_no_error() -> None:
    train, test = (RNG.normal(loc=(0, 5, -5), size=(rows, 3)) for rows in (50, 20))
    gaps = RNG.random(test.shape) < 0.3
    filled = np.where(gaps, train.mean(0), test)
    directions = np.linalg.svd(train - train.mean(0), full_matrices=False)[2][:2]
    restored = train.mean(0) + (filled - train.mean(0)) @ directions.T @ directions
    report, _, _ = pca_baseline(train, np.where(gaps, np.nan, test), 2)
    assert report["mse"] == pytest.approx(((restored - test) ** 2)[~gaps].mean())


def test_a_probe_is_fitted_to_rows_at_random() -> None:
    assert probe_rows(4).tolist() == [0, 1, 2, 3]
    chosen = probe_rows(30_000)
    assert len(set(chosen.tolist())) == 10_000
    assert chosen.max() > 20_000
