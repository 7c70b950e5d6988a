"""Quantizers made of others beside NumPy, and figures of normal numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.bottlenecks import (
    BinarySphericalQuantizer,
    Deterministic,
    FiniteScalarQuantizer,
    GroupedQuantizer,
    GumbelQuantizer,
    LookupFreeQuantizer,
    ResidualQuantizer,
    VectorQuantizer,
)
from tests.bottlenecks.quantizers import oracles
from tests.bottlenecks.quantizers.cases import assert_same, called, features
from tests.gradients import gradient

RNG = np.random.default_rng(3)
H = features(6, 5, 4)


def tables(parts: int, width: int, codes: int = 8, shrink: float = 2.0) -> list[np.ndarray]:
    """Return codebooks, each smaller than the one before."""
    return [
        (RNG.normal(size=(codes, width)) / shrink**level).astype("f4") for level in range(parts)
    ]


def put(table: Any, codes: np.ndarray) -> None:
    table.put(codes, np.ones(len(codes), "f4"))


def made(kind: Any, books: list[np.ndarray], h: np.ndarray = H, **options: Any) -> Any:
    """Return one of vector quantizers with such codebooks, built for features."""
    own = {k: options.pop(k) for k in ("dropout",) if k in options}
    base = VectorQuantizer(*books[0].shape, **{"dead_code_threshold": 0.0, **options})
    quantizer = kind(base, len(books), **own)
    quantizer.build((None, *h.shape[1:]))
    for part, codes in zip(quantizer.parts, books, strict=True):
        put(part.table, codes)
    return quantizer


@pytest.mark.parametrize("levels", [1, 2, 4, 8])
def test_each_level_quantizes_what_is_left(levels: int) -> None:
    """Lee et al. (2022), equations 2 to 4, and 8 for the loss of each level."""
    books = tables(levels, 4)
    outputs = called(made(ResidualQuantizer, books), H)
    expected = oracles.residual(H, books)
    indices = expected["indices"].reshape(outputs["indices"].shape)
    np.testing.assert_array_equal(outputs["indices"], indices)
    np.testing.assert_allclose(outputs["quantized"], expected["sum"], rtol=1e-4, atol=1e-5)
    errors = np.stack([(r**2).sum((1, 2)) for r in expected["left"][1:]], axis=1)
    np.testing.assert_allclose(outputs["errors"], errors, rtol=1e-4)
    np.testing.assert_allclose(outputs["loss"], 0.25 * errors.sum(1), rtol=1e-4)


@pytest.mark.parametrize("levels", [1, 2, 4, 8])
def test_the_gradient_of_the_sum_is_one_whatever_the_number_of_levels(levels: int) -> None:
    """That of a leading library is the number of levels."""
    quantizer, weights = made(ResidualQuantizer, tables(levels, 4)), features(*H.shape, seed=1)
    got = gradient(lambda x: ops.sum(ops.multiply(quantizer(x)["latent"], weights)), H)
    np.testing.assert_allclose(got, weights, rtol=1e-5)


@pytest.mark.parametrize("update", ["moving_average", "loss"])
def test_the_commitment_of_every_level_pulls_the_vectors(update: Any) -> None:
    """In another only that of the first does: here 2 beta r_l+1 is added by each level."""
    books, before = tables(4, 4), np.zeros_like(H)
    left = oracles.residual(H, books)["left"]
    for level in range(1, 5):
        quantizer = made(ResidualQuantizer, books[:level], update=update, commitment=0.5)
        got = gradient(lambda x, q=quantizer: ops.sum(q(x)["loss"]), H)
        np.testing.assert_allclose(got - before, left[level], rtol=1e-3, atol=1e-5)
        assert abs(got - before).max() > 0.05
        before = got


def test_every_levels_codebook_follows_its_own_residuals() -> None:
    books = tables(3, 4)
    quantizer = made(ResidualQuantizer, books, decay=0.9)
    called(quantizer, H, training=True)
    found = oracles.residual(H, books)
    for level, part in enumerate(quantizer.parts):
        one_hot = np.eye(8)[found["indices"][..., level].ravel()]
        sums = 0.9 * books[level] + 0.1 * one_hot.T @ found["left"][level].reshape(-1, 4)
        expected = sums / (0.9 + 0.1 * one_hot.sum(0))[:, None]
        np.testing.assert_allclose(
            ops.convert_to_numpy(part.codebook), expected, rtol=1e-4, atol=1e-5
        )


def test_levels_approach_normal_vectors_as_fast_as_the_best_library() -> None:
    """256 codes a level in R^8: the errors of new vectors, after a start and a few steps."""
    quantizer = ResidualQuantizer(VectorQuantizer(256, 8), 4)
    quantizer.build((None, 1000, 8))
    quantizer.adapt(RNG.normal(size=(3072, 8)).astype("f4"))
    for _ in range(6):
        quantizer(RNG.normal(size=(10, 1000, 8)).astype("f4"), training=True)
    errors = called(quantizer, RNG.normal(size=(8, 1000, 8)).astype("f4"))["errors"]
    each = errors.sum(0) / (8 * 1000 * 8)
    assert (each <= [0.338, 0.115, 0.041, 0.015]).all()
    assert (each > [1 / 4, 1 / 16, 1 / 64, 1 / 256]).all()  # Shannon: no code is better


FEW = features(4000, 2, 4)


def dropped(quantizer: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return how many levels each row had in training, and its outputs."""
    outputs = called(quantizer, FEW, training=True)
    there = outputs["indices"] >= 0
    counts = there.sum(-1)
    assert (counts == counts[:, :1]).all()
    np.testing.assert_array_equal(there, np.arange(4) < counts[..., None])
    assert set(outputs["indices"][~there]) <= {-1}
    return counts[:, 0], outputs


@pytest.mark.parametrize("dropout", [0.0, 0.5, 1.0])
def test_of_a_share_of_the_rows_an_even_number_of_first_levels_is_used(dropout: float) -> None:
    """Zeghidour et al. (2021), section III.C: n is uniform in 1, ..., N."""
    counts, _ = dropped(made(ResidualQuantizer, tables(4, 4), FEW, dropout=dropout))
    shares = dropout / 4 + (1 - dropout) * np.array([0, 0, 0, 1.0])
    seen = np.bincount(counts, minlength=5)
    assert seen[0] == 0
    if dropout == 0:
        assert seen[4] == len(counts)
    else:
        assert stats.chisquare(seen[1:], len(counts) * shares).pvalue > 1e-4


def test_levels_that_were_left_out_add_nothing_and_learn_nothing() -> None:
    books = tables(4, 4)
    quantizer = made(ResidualQuantizer, books, FEW, dropout=0.5, decay=0.9)
    counts, outputs = dropped(quantizer)
    found = oracles.residual(FEW, books)
    used = np.arange(4) < counts[:, None]
    left = np.stack(found["left"], 1)[np.arange(4000), counts]
    np.testing.assert_allclose(outputs["quantized"], FEW - left, rtol=1e-4, atol=1e-5)
    each = np.stack([(r**2).sum((1, 2)) for r in found["left"][1:]], axis=1)
    np.testing.assert_allclose(outputs["loss"], 0.25 * (each * used).sum(1), rtol=1e-4)
    for level, part in enumerate(quantizer.parts):
        numbers = found["indices"][used[:, level]][..., level].ravel()
        expected = 0.9 + 0.1 * np.bincount(numbers, minlength=8)
        np.testing.assert_allclose(ops.convert_to_numpy(part.table.counts), expected, rtol=1e-5)


def test_there_is_no_dropout_outside_of_training() -> None:
    quantizer = made(ResidualQuantizer, tables(3, 4), dropout=1.0)
    assert (called(quantizer, H)["indices"] >= 0).all()


def test_an_index_of_minus_one_adds_nothing() -> None:
    books = tables(3, 4)
    quantizer = made(ResidualQuantizer, books)
    indices = np.array([[[0, 1, 2], [3, -1, -1], [-1, -1, -1], [7, 7, -1], [0, 0, 0]]], "int32")
    got = ops.convert_to_numpy(quantizer.decode_indices(ops.convert_to_tensor(indices)))
    padded = [np.concatenate([book, np.zeros((1, 4))]) for book in books]
    expected = sum(book[indices[..., level]] for level, book in enumerate(padded))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_residuals_of_finite_levels_fall_as_the_levels_are_many() -> None:
    """Errors that stay as large at each level are those of levels that are not made smaller."""
    quantizer = ResidualQuantizer(FiniteScalarQuantizer([5, 5, 5], symmetric=True), 4)
    quantizer.build((None, 1000, 3))
    h = features(10, 1000, 3)
    outputs = called(quantizer, h)
    rms = np.sqrt(outputs["errors"].sum(0) / h.size)
    falls = rms[:-1] / rms[1:]
    assert rms[0] == pytest.approx(0.145, abs=0.005)
    assert ((falls > 0.95 * 4) & (falls < 1.05 * 5)).all()
    left = np.tanh(h.astype("f8"))
    for level in range(4):
        codes, _ = oracles.scalars(left, [oracles.grid(5) / 4**level] * 3)
        left = left - codes
        assert rms[level] == pytest.approx(np.sqrt((left**2).mean()), rel=1e-4)
    assert all(len(np.unique(outputs["indices"][..., level])) > 100 for level in range(4))


def test_residuals_of_signs_are_halved() -> None:
    quantizer = ResidualQuantizer(LookupFreeQuantizer(4, entropy=0.0), 5)
    quantizer.build((None, *H.shape[1:]))
    outputs, left = called(quantizer, H), H.astype("f8")
    total = np.zeros_like(left)
    for level in range(5):
        code = np.where(left > 0, 1, -1) / 2**level
        total, left = total + code, left - code
    np.testing.assert_allclose(outputs["quantized"], total, rtol=1e-5)
    inside = abs(H) < 2
    assert abs(H - outputs["quantized"])[inside].max() <= 2 / 2**5


def test_parts_are_quantized_as_by_separate_quantizers() -> None:
    """Jegou et al. (2011), section II.B: product quantization."""
    books = tables(2, 2, shrink=1.0)
    grouped, halves = made(GroupedQuantizer, books), np.split(H, 2, axis=-1)
    alone = [
        made(GroupedQuantizer, [b], np.ascontiguousarray(h))
        for b, h in zip(books, halves, strict=True)
    ]
    both = called(grouped, H, training=True)
    each = [called(q, h, training=True) for q, h in zip(alone, halves, strict=True)]
    assert grouped.num_codes == (8, 8)
    np.testing.assert_array_equal(
        both["indices"], np.stack([e["indices"].reshape(6, 5) for e in each], axis=-1)
    )
    np.testing.assert_array_equal(
        both["quantized"], np.concatenate([e["quantized"] for e in each], axis=-1)
    )
    np.testing.assert_allclose(both["loss"], sum(e["loss"] for e in each), rtol=1e-5)
    np.testing.assert_allclose(both["errors"], sum(e["errors"] for e in each), rtol=1e-5)
    for part, one in zip(grouped.parts, alone, strict=True):
        assert_same(part.table.get_weights(), one.parts[0].table.get_weights())
    np.testing.assert_array_equal(both["indices"][..., 1], oracles.nearest(halves[1], books[1]))


def test_parts_start_from_their_parts_of_the_data() -> None:
    centres = np.array([[0.0, 0.0, 5.0, 5.0], [1.0, 1.0, 9.0, 9.0]])
    grouped = GroupedQuantizer(VectorQuantizer(2, 2), 2)
    grouped.build((None, *H.shape[1:]))
    grouped.adapt(np.repeat(centres, 20, axis=0).astype("f4"))
    codes = [np.sort(ops.convert_to_numpy(p.codebook)[:, 0]).tolist() for p in grouped.parts]
    np.testing.assert_allclose(codes, [[0, 1], [5, 9]], atol=1e-4)


@pytest.mark.parametrize("outer", [GroupedQuantizer, ResidualQuantizer])
def test_a_composite_may_be_made_of_composites(outer: Any) -> None:
    inner = ResidualQuantizer(VectorQuantizer(8, 2 if outer is GroupedQuantizer else 4), 3)
    quantizer = outer(inner, 2)
    quantizer.build((None, *H.shape[1:]))
    outputs = called(quantizer, H)
    assert quantizer.num_codes == (8,) * 6
    assert outputs["indices"].shape == (6, 5, 6)
    again = quantizer.decode_indices(ops.convert_to_tensor(outputs["indices"]))
    np.testing.assert_array_equal(ops.convert_to_numpy(again), outputs["quantized"])
    weights = features(*H.shape, seed=1)
    got = gradient(lambda x: ops.sum(ops.multiply(quantizer(x)["latent"], weights)), H)
    np.testing.assert_allclose(got, weights, rtol=1e-5)


def test_parts_are_drawn_apart_and_the_base_is_left_alone() -> None:
    base = VectorQuantizer(8, 4)
    quantizer = ResidualQuantizer(base, 2)
    quantizer.build((None, *H.shape[1:]))
    first, second = (ops.convert_to_numpy(part.codebook) for part in quantizer.parts)
    assert not np.array_equal(first, second)
    assert not base.built


@pytest.mark.parametrize("kind", [ResidualQuantizer, GroupedQuantizer])
def test_what_cannot_be_built_upon_is_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match="`base` must be"):
        kind(Deterministic(2), 2)
    with pytest.raises(ValueError, match="`base`"):
        kind(GumbelQuantizer(8, 4), 2)
    with pytest.raises(ValueError, match="must be"):
        kind(VectorQuantizer(8, 4), 0)


@pytest.mark.parametrize(
    "base", [FiniteScalarQuantizer([5, 5]), FiniteScalarQuantizer([5, 3], symmetric=True)]
)
def test_finite_levels_that_do_not_nest_have_no_residuals(base: Any) -> None:
    with pytest.raises(ValueError, match="symmetric|same|equal"):
        ResidualQuantizer(base, 2)


@pytest.mark.parametrize(
    ("base", "least"),
    [
        (lambda: GroupedQuantizer(FiniteScalarQuantizer([5, 5, 5], symmetric=True), 2), 14.0),
        (lambda: BinarySphericalQuantizer(6), 3.0),
    ],
    ids=["grouped_finite", "spherical"],
)
def test_levels_of_codes_that_do_not_learn_are_ever_smaller(base: Any, least: float) -> None:
    """By as much as their base's: (L - 1)^2 of the squared error, for signs nearly 4."""
    z = np.random.default_rng(0).normal(size=(400, 1, 6)).astype("f4")
    errors = ops.convert_to_numpy(ResidualQuantizer(base(), 4)(z)["errors"]).mean(0)
    assert (errors[:-1] / errors[1:] > least).all()
