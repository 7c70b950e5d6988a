"""Centres of clusters beside SciPy and brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.cluster.vq

from keras_ae.bottlenecks.quantizers import clustering
from tests.bottlenecks.quantizers import oracles

RNG = np.random.default_rng(4)


def mixture(
    rows: int, clusters: int, dim: int = 8, spread: float = 0.05
) -> tuple[np.ndarray, np.ndarray]:
    """Return centres drawn from N(0, 4 I) and points around them."""
    middles = 2 * RNG.normal(size=(clusters, dim))
    where = RNG.integers(clusters, size=rows)
    points = middles[where] + spread * RNG.normal(size=(rows, dim))
    return middles, points.astype("f4")


def cost(points: np.ndarray, found: np.ndarray) -> float:
    return float(oracles.distances(points, found).min(-1).sum())


def test_points_are_assigned_to_the_nearest_centre() -> None:
    points, found = (RNG.normal(size=(n, 5)).astype("f4") for n in (500, 20))
    labels, total = clustering.assigned(points, found)
    np.testing.assert_array_equal(labels, oracles.nearest(points, found))
    assert total == pytest.approx(cost(points, found), rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_every_cluster_of_a_mixture_has_its_centre(seed: int) -> None:
    middles, points = mixture(1024, 64)
    found, counts = clustering.centres(points, 64, seed)
    assert found.shape == (64, 8)
    assert sorted(oracles.nearest(middles, found)) == list(range(64))
    assert abs(found[oracles.nearest(middles, found)] - middles).max() < 0.15
    assert counts.sum() == 1024


def test_it_is_no_worse_than_the_best_of_scipys() -> None:
    points = RNG.normal(size=(2000, 4)).astype("f4")
    runs = [scipy.cluster.vq.kmeans2(points, 16, minit="++", seed=s)[0] for s in range(5)]
    best = min(cost(points, run) for run in runs)
    assert cost(points, clustering.centres(points, 16)[0]) < 1.01 * best


def test_centres_are_the_means_of_their_points_and_counts_how_many() -> None:
    points = RNG.normal(size=(500, 3)).astype("f4")
    start = points[:6]
    found, counts = clustering.settled(points, start)
    labels = oracles.nearest(points, found)
    np.testing.assert_array_equal(counts, np.bincount(labels, minlength=6))
    means = np.stack([points[labels == k].mean(0) for k in range(6)])
    np.testing.assert_allclose(found, means, atol=0.02)
    assert cost(points, found) < cost(points, start)


def test_a_centre_that_lost_its_points_is_put_onto_one_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = np.repeat([[0.0, 0.0], [5.0, 5.0]], 20, axis=0)
    points = (points + 0.1 * RNG.normal(size=points.shape)).astype("f4")
    start = np.array([[0.0, 0.0], [5.0, 5.0], [99.0, 99.0]], "f4")
    monkeypatch.setattr(clustering, "spread", lambda *_: start.copy())
    found, counts = clustering.centres(points, 3)
    assert oracles.distances(found[2], points).min() < 1e-10
    assert (counts > 0).all()


def test_the_start_takes_rows_of_the_points_far_from_each_other() -> None:
    _, points = mixture(500, 10)
    found = clustering.spread(points, 10, np.random.default_rng(0))
    assert (oracles.distances(found, points).min(-1) < 1e-10).all()
    apart = oracles.distances(found, found)[~np.eye(10, dtype=bool)]
    assert apart.min() > 1  # one of each cluster: within one all are nearer


def test_the_same_seed_gives_the_same_centres() -> None:
    points = RNG.normal(size=(300, 3)).astype("f4")
    first, again, other = (clustering.centres(points, 10, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_as_many_points_as_centres_are_all_centres() -> None:
    points = RNG.normal(size=(7, 2)).astype("f4")
    found, counts = clustering.centres(points, 7)
    np.testing.assert_allclose(found[np.lexsort(found.T)], points[np.lexsort(points.T)], rtol=1e-6)
    assert counts.tolist() == [1] * 7


@pytest.mark.parametrize("distinct", [1, 3])
def test_repeated_points_do_not_make_it_fail(distinct: int) -> None:
    points = np.repeat(RNG.normal(size=(distinct, 2)), 20, axis=0).astype("f4")
    found, counts = clustering.centres(points, 5)
    assert found.shape == (5, 2)
    assert np.isfinite(found).all()
    assert (counts >= 1).all()
    assert cost(points, found) < 1e-6


def test_far_from_zero_it_is_as_exact() -> None:
    middles, points = mixture(512, 8, dim=3)
    found, _ = clustering.centres((points + 1000).astype("f4"), 8)
    assert abs(found[oracles.nearest(middles + 1000, found)] - middles - 1000).max() < 0.1


@pytest.mark.parametrize(("number", "rows"), [(5, 3), (2, 0)])
def test_fewer_points_than_centres_are_refused(number: int, rows: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        clustering.centres(np.zeros((rows, 2), "f4"), number)


def test_so_many_points_at_most_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "START_VECTORS", 4)
    seen: list[int] = []
    settled = clustering.settled

    def noted(points: np.ndarray, *rest: Any) -> Any:
        seen.append(len(points))
        return settled(points, *rest)

    monkeypatch.setattr(clustering, "settled", noted)
    found, _ = clustering.centres(np.repeat([[0.0, 0.0], [5.0, 5.0]], 50, axis=0), 2)
    assert seen == [4]
    assert sorted(found[:, 0].round(5).tolist()) == [0.0, 5.0]


def test_there_may_be_more_centres_than_points_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clustering, "START_VECTORS", 4)
    points = np.arange(20.0).reshape(10, 2).astype("f4")
    found, _ = clustering.centres(points, 10)
    assert len(np.unique(found, axis=0)) == 10
