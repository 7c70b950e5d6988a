from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris

from keras_ae.reports import linear_probe, pca_baseline, probe_rows

RNG = np.random.default_rng(0)


def test_pca_is_fitted_to_the_training_part_and_judged_on_the_test_part() -> None:
    train, test = RNG.normal(size=(2, 200, 4)) * [[[5, 3, 1, 0.5]], [[1, 3, 1, 2]]]
    report, train_codes, test_codes = pca_baseline(
        train.reshape(200, 2, 2), test.reshape(200, 2, 2), 2
    )
    directions = np.linalg.svd(train - train.mean(0), full_matrices=False)[2]
    for x, codes in ((train, train_codes), (test, test_codes)):
        wanted = (x - train.mean(0)) @ directions[:2].T
        np.testing.assert_allclose(abs(codes), abs(wanted), rtol=1e-8)  # signs are free
    lost = (test - train.mean(0)) @ directions[2:].T
    assert report["mse"] == pytest.approx((lost**2).sum() / test.size)


def test_more_components_than_numbers_leave_no_error() -> None:
    x = RNG.normal(size=(20, 3))
    report, _, _ = pca_baseline(x, x, 50)
    assert report["components"] == 3
    assert report["mse"] < 1e-20


def test_the_probe_separates_what_is_separable() -> None:
    x, y = load_iris(return_X_y=True)
    assert linear_probe(x[::2], y[::2], x[1::2], y[1::2]) > 0.9


def test_the_probe_learns_from_the_training_part_only() -> None:
    x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    y = np.array([0, 0, 1, 1])
    assert linear_probe(x, y, x[:3], 1 - y[:3]) == 0.0


def test_the_probe_is_blind_to_the_features_units() -> None:
    y = np.arange(200) % 2
    signal, noise = 2 * y - 1 + 0.1 * RNG.normal(size=200), RNG.normal(size=200)
    x = np.stack([1e-3 * signal, 1e3 * noise], axis=1)
    assert linear_probe(x[:100], y[:100], x[100:], y[100:]) == 1.0


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
