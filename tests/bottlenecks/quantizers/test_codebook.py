"""Codes that follow their data beside the equations."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks.quantizers import clustering
from keras_ae.bottlenecks.quantizers.codebook import AveragedCodebook, LearnedCodebook
from tests.bottlenecks.quantizers.oracles import nearest

RNG = np.random.default_rng(4)
KINDS = pytest.mark.parametrize("kind", [AveragedCodebook, LearnedCodebook])


def codebook(
    codes: np.ndarray, *, decay: float = 0.9, threshold: float = 0.0, kind: Any = AveragedCodebook
) -> Any:
    """Return one whose codes have a count of one."""
    table = kind(*codes.shape, decay=decay, dead_code_threshold=threshold)
    table.build()
    table.put(codes.astype("float32"), np.ones(len(codes), "float32"))
    return table


def follow(table: Any, points: np.ndarray, mask: np.ndarray | None = None) -> None:
    """Let a codebook follow points, of which a mask says which count."""
    batch = ops.convert_to_tensor(points.astype("float32"))
    counted = None if mask is None else ops.convert_to_tensor(mask.astype("float32"))
    table.follow(batch, table.nearest(batch), counted)


def values(table: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return codes and counts."""
    return tuple(ops.convert_to_numpy(v).copy() for v in (table.vectors, table.counts))


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


def after_a_revival(kind: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, codes and counts after a step in which all but the first of six codes died."""
    far = np.full((5, 2), 50.0)
    codes = np.concatenate([[[0.0, 0.0]], far])
    table = codebook(codes, decay=0.0, threshold=0.1, kind=kind)
    points = RNG.normal(size=(30, 2)).astype("float32")
    follow(table, points)
    return points, *values(table)


@KINDS
def test_dead_codes_move_onto_random_points_of_the_batch(kind: Any) -> None:
    points, codes, _ = after_a_revival(kind)
    distances = abs(codes[1:, None] - points[None]).max(-1)
    assert distances.min(1).max() < 1e-5
    assert len(set(distances.argmin(1).tolist())) > 1


@KINDS
def test_a_revived_code_counts_as_the_mean_of_all(kind: Any) -> None:
    np.testing.assert_allclose(after_a_revival(kind)[2], [30, 5, 5, 5, 5, 5], rtol=1e-6)


def test_a_revival_leaves_the_codes_in_use_alone() -> None:
    points, codes, _ = after_a_revival(AveragedCodebook)
    np.testing.assert_allclose(codes[0], points.mean(0), rtol=1e-5, atol=1e-6)
    assert not after_a_revival(LearnedCodebook)[1][0].any()


def test_revived_codes_stay_where_they_were_put_and_are_used() -> None:
    """If only the vector was set, not its sum and count, it would be gone at the next step."""
    codes = np.concatenate([np.zeros((1, 2)), np.full((31, 2), 50.0)])
    table = codebook(codes, decay=0.8, threshold=0.1)
    used = set()
    for _ in range(40):
        points = RNG.normal(size=(256, 2)).astype("f4")
        follow(table, points)
    vectors, counts = values(table)
    used = set(nearest(RNG.normal(size=(4096, 2)), vectors).tolist())
    assert len(used) == 32
    assert abs(vectors).max() < 6
    assert counts.min() > 0.1 * counts.mean()


@KINDS
def test_a_share_of_the_mean_use_is_dead_whatever_the_batch(kind: Any) -> None:
    for rows in (10, 1000):
        codes = np.array([[0.0, 0.0], [9.0, 9.0], [99.0, 99.0]])
        table = codebook(codes, decay=0.0, threshold=0.5, kind=kind)
        points = np.concatenate([np.zeros((rows // 2, 2)), np.full((rows // 2, 2), 9.0)])
        follow(table, points)
        vectors, _ = values(table)
        np.testing.assert_allclose(vectors[:2], codes[:2], atol=1e-5)
        assert abs(vectors[2]).max() < 9.1


@KINDS
def test_dead_codes_are_never_put_onto_padding(kind: Any) -> None:
    codes = np.concatenate([[[0.0, 0.0]], np.full((40, 2), 50.0)])
    table = codebook(codes, decay=0.0, threshold=0.1, kind=kind)
    points = RNG.normal(size=(30, 2)).astype("f4")
    mask = np.arange(30) % 3 == 0
    points[~mask] = 1e3
    follow(table, points, mask)
    vectors, counts = values(table)
    assert abs(vectors[1:, None] - points[mask]).max(-1).min(1).max() < 1e-5
    np.testing.assert_allclose(counts, [10, *[10 / 41] * 40], rtol=1e-5)


@KINDS
def test_a_batch_of_padding_alone_moves_no_code_in_use(kind: Any) -> None:
    table = codebook(RNG.normal(size=(4, 2)), threshold=0.1, kind=kind)
    before, _ = values(table)
    follow(table, np.full((9, 2), 7.0), np.zeros(9))
    np.testing.assert_allclose(values(table)[0], before, rtol=1e-6)


def test_masked_points_are_left_out_of_the_averages() -> None:
    codes = RNG.normal(size=(5, 3))
    points, mask = RNG.normal(size=(40, 3)), RNG.random(40) < 0.5
    masked, fewer = codebook(codes), codebook(codes)
    follow(masked, points, mask)
    follow(fewer, points[mask])
    for a, b in zip(values(masked), values(fewer), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_one_step_from_the_start_moves_no_code_far() -> None:
    """Counts that begin at 0, or sums that are not codes times counts, throw codes about."""
    table = AveragedCodebook(64, 8, decay=0.99, dead_code_threshold=0.0)
    table.build()
    before, counts = values(table)
    assert counts.tolist() == [1.0] * 64
    follow(table, RNG.normal(size=(512, 8)))
    after, _ = values(table)
    lengths = np.linalg.norm(after, axis=1)
    assert lengths.max() < np.linalg.norm(before, axis=1).max() + 3
    points = RNG.normal(size=(2048, 8)).astype("f4")
    table.start_at(points)
    before, _ = values(table)
    follow(table, points)
    np.testing.assert_allclose(values(table)[0], before, atol=0.02)


def test_a_new_codebook_is_drawn_with_a_variance_of_one_by_its_width() -> None:
    for kind in (AveragedCodebook, LearnedCodebook):
        table = kind(4000, 16, decay=0.9, dead_code_threshold=0.0)
        table.build()
        vectors, _ = values(table)
        assert vectors.std() == pytest.approx(0.25, rel=0.02)
        assert abs(vectors.mean()) < 0.01


def test_what_an_optimizer_holds_is_not_written_over() -> None:
    """A dead code moves by its offset: the trained vector, and its momentum, are left alone."""
    codes = np.concatenate([[[0.0, 0.0]], np.full((5, 2), 50.0)])
    table = codebook(codes, decay=0.0, threshold=0.1, kind=LearnedCodebook)
    (held,) = table.trainable_variables
    points = RNG.normal(size=(30, 2)).astype("f4")
    before = np.array(held)
    follow(table, points)
    np.testing.assert_array_equal(np.array(held), before)
    vectors, _ = values(table)
    assert abs(vectors[1:]).max() < 6
    step = RNG.normal(size=held.shape).astype("f4")
    keras.optimizers.SGD(1.0).apply([ops.convert_to_tensor(step)], [held])
    np.testing.assert_allclose(values(table)[0], vectors - step, rtol=1e-4, atol=1e-4)


@KINDS
def test_a_kmeans_start_finds_every_cluster(kind: Any) -> None:
    centres = RNG.normal(size=(64, 8)) * 2.0
    points = (centres[RNG.integers(64, size=4096)] + 0.05 * RNG.normal(size=(4096, 8))).astype("f4")
    table = codebook(RNG.normal(size=(64, 8)), kind=kind)
    table.start_at(points)
    indices = ops.convert_to_numpy(table.nearest(ops.convert_to_tensor(points)))
    vectors, counts = values(table)
    assert len(set(indices.tolist())) == 64
    assert ((points - vectors[indices]) ** 2).mean() < 0.003
    if kind is AveragedCodebook:
        sums = ops.convert_to_numpy(table.sums)
        np.testing.assert_allclose(sums, vectors * counts[:, None], rtol=1e-5, atol=1e-5)


def test_a_kmeans_start_looks_at_so_many_vectors_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "START_VECTORS", 4)
    table = codebook(RNG.normal(size=(2, 2)))
    seen = []
    spread = clustering.spread

    def noted(points: np.ndarray, *rest: Any) -> Any:
        seen.append(len(points))
        return spread(points, *rest)

    monkeypatch.setattr(clustering, "spread", noted)
    table.start_at(np.repeat([[0.0, 0.0], [5.0, 5.0]], 50, axis=0))
    assert seen == [4]
    assert sorted(values(table)[0][:, 0].round(5).tolist()) == [0.0, 5.0]


def test_a_kmeans_start_counts_as_the_clusters_do_with_a_mean_of_one() -> None:
    table = codebook(RNG.normal(size=(2, 2)))
    table.start_at(np.repeat([[0.0, 0.0], [5.0, 5.0]], [30, 10], axis=0))
    assert sorted(ops.convert_to_numpy(table.counts).tolist()) == [0.5, 1.5]


def test_a_kmeans_start_needs_as_many_vectors_as_codes() -> None:
    with pytest.raises(ValueError, match="at least one .* 5"):
        codebook(np.zeros((5, 2))).start_at(np.zeros((3, 2)))
