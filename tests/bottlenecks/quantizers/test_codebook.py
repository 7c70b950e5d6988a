from __future__ import annotations

import numpy as np
import pytest
from keras import ops

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


def test_a_dead_code_moves_onto_the_data_and_is_alive_again() -> None:
    table = codebook(np.array([[0.0, 0.0], [50.0, 50.0]]), threshold=0.1)
    points = RNG.normal(size=(30, 2)).astype("float32")
    batch = ops.convert_to_tensor(points)
    for _ in range(60):
        table.follow(batch, table.nearest(batch))
    used = set(ops.convert_to_numpy(table.nearest(batch)).tolist())
    assert used == {0, 1}
    counts = ops.convert_to_numpy(table.counts)
    assert counts.min() > 0.1 * counts.mean()


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


def test_a_kmeans_start_needs_as_many_vectors_as_codes() -> None:
    with pytest.raises(ValueError, match="at least one vector for each of the 5 codes"):
        codebook(np.zeros((5, 2))).start_at(np.zeros((3, 2)))
