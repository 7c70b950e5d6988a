from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.cluster.vq
from keras import ops

from keras_ae.bottlenecks.quantizers import codebook as codebook_module
from keras_ae.bottlenecks.quantizers.codebook import Codebook

RNG = np.random.default_rng(4)


def codebook(codes: np.ndarray, *, decay: float = 0.9, threshold: float = 0.0) -> Codebook:
    table = Codebook(*codes.shape, decay=decay, dead_code_threshold=threshold)
    table.build()
    table.sums.assign(codes.astype("float32"))
    return table


def nearest(points: np.ndarray, codes: np.ndarray) -> np.ndarray:
    distances = ((points[:, None].astype("f8") - codes[None].astype("f8")) ** 2).sum(-1)
    return distances.argmin(1)


@pytest.mark.parametrize("offset", [0.0, 10.0, 1000.0])
def test_the_nearest_code_is_found_however_far_the_data_lie(offset: float) -> None:
    codes = (RNG.normal(size=(64, 16)) + offset).astype("float32")
    points = (RNG.normal(size=(500, 16)) + offset).astype("float32")
    got = ops.convert_to_numpy(codebook(codes).nearest(ops.convert_to_tensor(points)))
    np.testing.assert_array_equal(got, nearest(points, codes))


def test_of_equally_near_codes_the_lowest_index_is_taken() -> None:
    codes = np.array([[4.0], [1.0], [-1.0], [1.0]])
    points = ops.convert_to_tensor(np.array([[0.0], [1.0], [5.0]], "float32"))
    assert ops.convert_to_numpy(codebook(codes).nearest(points)).tolist() == [1, 1, 0]


def test_the_nearest_code_is_found_without_argmin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ties differ between backends, and some export formats lack it."""
    for name in ("argmin", "argmax", "argsort", "top_k"):
        monkeypatch.delattr(ops, name)
    table = codebook(np.array([[0.0], [2.0]]))
    points = ops.convert_to_tensor(np.array([[0.5], [1.5]], "float32"))
    assert ops.convert_to_numpy(table.nearest(points)).tolist() == [0, 1]


def test_the_averages_follow_the_papers_equations() -> None:
    codes = RNG.normal(size=(5, 3))
    table = codebook(codes, decay=0.9)
    counts, sums = np.ones(5), codes.copy()
    for _ in range(5):
        points = RNG.normal(size=(40, 3)).astype("float32")
        assigned = np.eye(5)[nearest(points, sums / counts[:, None])]
        counts = 0.9 * counts + 0.1 * assigned.sum(0)
        sums = 0.9 * sums + 0.1 * assigned.T @ points
        batch = ops.convert_to_tensor(points)
        table.follow(batch, table.nearest(batch))
    np.testing.assert_allclose(ops.convert_to_numpy(table.counts), counts, rtol=1e-5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(table.vectors), sums / counts[:, None], rtol=1e-4, atol=1e-5
    )


def test_an_unused_code_stays_where_it_is() -> None:
    codes = np.array([[0.0, 0.0], [50.0, 50.0]])
    table = codebook(codes)
    points = ops.convert_to_tensor(RNG.normal(size=(30, 2)).astype("float32"))
    for _ in range(200):
        table.follow(points, table.nearest(points))
    np.testing.assert_allclose(ops.convert_to_numpy(table.vectors)[1], [50.0, 50.0], rtol=1e-4)


def after_a_revival() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, codes and counts after a step in which all but the first of six codes died."""
    far = np.full((5, 2), 50.0)
    table = codebook(np.concatenate([[[0.0, 0.0]], far]), decay=0.0, threshold=0.1)
    points = RNG.normal(size=(30, 2)).astype("float32")
    batch = ops.convert_to_tensor(points)
    table.follow(batch, table.nearest(batch))
    return points, ops.convert_to_numpy(table.vectors), ops.convert_to_numpy(table.counts)


def test_dead_codes_move_onto_random_points_of_the_batch() -> None:
    points, codes, _ = after_a_revival()
    distances = abs(codes[1:, None] - points[None]).max(-1)
    assert distances.min(1).max() < 1e-5
    assert len(set(distances.argmin(1).tolist())) > 1


def test_a_revived_code_counts_as_the_mean_of_all() -> None:
    np.testing.assert_allclose(after_a_revival()[2], [30, 5, 5, 5, 5, 5], rtol=1e-6)


def test_a_revival_leaves_the_codes_in_use_alone() -> None:
    points, codes, _ = after_a_revival()
    np.testing.assert_allclose(codes[0], points.mean(0), rtol=1e-5, atol=1e-6)


def test_a_kmeans_start_finds_every_cluster() -> None:
    centres = RNG.normal(size=(64, 8)) * 2.0
    points = (centres[RNG.integers(64, size=8192)] + 0.05 * RNG.normal(size=(8192, 8))).astype("f4")
    table = codebook(RNG.normal(size=(64, 8)))
    table.start_at(points)
    indices = ops.convert_to_numpy(table.nearest(ops.convert_to_tensor(points)))
    vectors = ops.convert_to_numpy(table.vectors)
    assert len(set(indices.tolist())) == 64
    error = ((points - vectors[indices]) ** 2).mean()
    assert error < 0.3  # a few of 64 centres may be shared after k-means++, most are exact
    np.testing.assert_allclose(
        ops.convert_to_numpy(table.sums),
        vectors * ops.convert_to_numpy(table.counts)[:, None],
        rtol=1e-5,
        atol=1e-5,
    )


def test_a_kmeans_start_looks_at_so_many_vectors_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codebook_module, "START_VECTORS", 4)
    table = codebook(RNG.normal(size=(2, 2)))
    seen = []
    kmeans = scipy.cluster.vq.kmeans2

    def noted(points: np.ndarray, *rest: Any, **options: Any) -> Any:
        seen.append(len(points))
        return kmeans(points, *rest, **options)

    monkeypatch.setattr(scipy.cluster.vq, "kmeans2", noted)
    table.start_at(np.repeat([[0.0, 0.0], [5.0, 5.0]], 50, axis=0))
    assert seen == [8]
    assert sorted(ops.convert_to_numpy(table.vectors)[:, 0].round(5).tolist()) == [0.0, 5.0]


def test_a_kmeans_start_counts_as_the_clusters_do_with_a_mean_of_one() -> None:
    table = codebook(RNG.normal(size=(2, 2)))
    table.start_at(np.repeat([[0.0, 0.0], [5.0, 5.0]], [30, 10], axis=0))
    assert sorted(ops.convert_to_numpy(table.counts).tolist()) == [0.5, 1.5]


def test_a_kmeans_start_needs_as_many_vectors_as_codes() -> None:
    with pytest.raises(ValueError, match="at least one vector for each of the 5 codes"):
        codebook(np.zeros((5, 2))).start_at(np.zeros((3, 2)))
