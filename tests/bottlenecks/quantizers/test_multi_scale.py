"""Maps of codes from coarse to fine beside NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import (
    FiniteScalarQuantizer,
    MultiScaleQuantizer,
    ResidualQuantizer,
    VectorQuantizer,
)
from tests.bottlenecks.quantizers import oracles
from tests.bottlenecks.quantizers.cases import called, features
from tests.gradients import gradient

SIDE = 4
H = features(3, SIDE, SIDE, 2)
RNG = np.random.default_rng(2)
SCALES = pytest.mark.parametrize("scales", [[4], [1, 2, 4], [1, 2, 3, 4]], ids=str)


def quantizer(scales: list[int], **options: Any) -> tuple[Any, np.ndarray]:
    """Return one with such codes of all scales, and these."""
    base = VectorQuantizer(16, 2, **{"dead_code_threshold": 0.0, **options})
    made, codes = MultiScaleQuantizer(base, scales), RNG.normal(size=(16, 2)).astype("f4")
    made.build((None, *H.shape[1:]))
    made.part.table.put(codes, np.ones(16, "f4"))
    return made, codes


def stages(codes: np.ndarray, scales: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return of each scale what was quantized, and its codes."""
    left, found = H.astype("f8"), []
    for scale in scales:
        small = oracles.resized(left, oracles.averaging(SIDE, scale))
        found.append((small, codes[oracles.nearest(small, codes)].astype("f8")))
        left = left - oracles.resized(found[-1][1], oracles.interpolating(scale, SIDE))
    return found


@SCALES
def test_each_scale_quantizes_what_the_coarser_ones_leave(scales: list[int]) -> None:
    """Tian et al. (2024), algorithm 1: down, quantize, up, take off."""
    made, codes = quantizer(scales)
    indices, sums, margin = oracles.multi_scale(H, codes, scales)
    assert margin > 1e-4
    outputs = called(made, H)
    np.testing.assert_array_equal(outputs["indices"], indices)
    assert indices.shape == (3, sum(s * s for s in scales))
    np.testing.assert_allclose(outputs["quantized"], sums[-1], rtol=1e-4, atol=1e-5)
    errors = [((H - total) ** 2).sum((1, 2, 3)) for total in sums]
    np.testing.assert_allclose(outputs["errors"], np.stack(errors, 1), rtol=1e-4)


@SCALES
def test_codes_alone_give_the_map_back(scales: list[int]) -> None:
    """Algorithm 2."""
    made, codes = quantizer(scales)
    indices = RNG.integers(16, size=(3, *made.index_shape))
    expected, start = np.zeros(H.shape), 0
    for scale in scales:
        part = indices[:, start : start + scale**2].reshape(3, scale, scale)
        expected += oracles.resized(codes[part], oracles.interpolating(scale, SIDE))
        start += scale**2
    got = made.decode_indices(ops.convert_to_tensor(indices.astype("i4")))
    np.testing.assert_allclose(ops.convert_to_numpy(got), expected, rtol=1e-4, atol=1e-5)


def test_each_scale_has_the_loss_of_its_base() -> None:
    scales = [1, 2, 4]
    made, codes = quantizer(scales, commitment=0.5)
    each = [((small - code) ** 2).sum((1, 2, 3)) for small, code in stages(codes, scales)]
    np.testing.assert_allclose(called(made, H)["loss"], 0.5 * sum(each), rtol=1e-4)
    slope = gradient(lambda x: ops.sum(made(x)["loss"]), H)
    expected = sum(
        oracles.resized(small - code, oracles.averaging(SIDE, scale).T)
        for (small, code), scale in zip(stages(codes, scales), scales, strict=True)
    )
    np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-5)


def test_the_gradient_of_the_sum_is_one_whatever_the_number_of_scales() -> None:
    weights = features(*H.shape, seed=1)
    for scales in ([4], [1, 2, 4], [1, 2, 3, 4]):
        made, _ = quantizer(scales)
        got = gradient(lambda x, q=made: ops.sum(ops.multiply(q(x)["latent"], weights)), H)
        np.testing.assert_allclose(got, weights, rtol=1e-5)


def test_training_returns_the_codes_from_before_the_codebook_moves() -> None:
    made, _ = quantizer([1, 2, 4], decay=0.5)
    before = called(made, H)
    after = called(made, H, training=True)
    np.testing.assert_array_equal(after["indices"], before["indices"])
    np.testing.assert_allclose(after["quantized"], before["quantized"], rtol=1e-5, atol=1e-6)


def test_one_codebook_follows_the_vectors_of_all_scales_at_once() -> None:
    """Of a batch there is one step of the averages, whatever the number of scales."""
    scales = [1, 2, 4]
    made, codes = quantizer(scales, decay=0.9)
    called(made, H, training=True)
    counts, sums = np.full(16, 0.9), 0.9 * codes.astype("f8")
    for small, _ in stages(codes, scales):
        one_hot = np.eye(16)[oracles.nearest(small, codes).ravel()]
        counts += 0.1 * one_hot.sum(0)
        sums += 0.1 * one_hot.T @ small.reshape(-1, 2)
    np.testing.assert_allclose(ops.convert_to_numpy(made.part.table.counts), counts, rtol=1e-5)
    got = ops.convert_to_numpy(made.part.codebook)
    np.testing.assert_allclose(got, sums / counts[:, None], rtol=1e-4, atol=1e-5)


def test_more_scales_come_nearer_to_a_smooth_map() -> None:
    made, _ = quantizer([1, 2, 4])
    made.adapt(features(200, SIDE, SIDE, 2, seed=8))
    errors = called(made, H)["errors"].sum(0)
    assert (np.diff(errors) < 0).all()


def test_a_mask_is_refused() -> None:
    made, _ = quantizer([1, 2, 4])
    with pytest.raises(ValueError, match="mask"):
        made(H, mask=ops.ones(H.shape[:-1], "bool"))


@pytest.mark.parametrize("shape", [(4, 3, 2), (8, 8, 2), (4, 2), (2,), (4, 4, 4, 2)])
def test_only_square_maps_of_the_last_side_are_quantized(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="maps of"):
        MultiScaleQuantizer(VectorQuantizer(8, 2), [1, 4]).build((None, *shape))


@pytest.mark.parametrize("scales", [[], [2, 1], [0, 4], [2, 2, 4], [1, 2.5]], ids=str)
def test_scales_that_do_not_rise_are_refused(scales: list[int]) -> None:
    with pytest.raises(ValueError, match="`scales`"):
        MultiScaleQuantizer(VectorQuantizer(8, 2), scales)


def test_a_base_of_several_indices_is_refused() -> None:
    with pytest.raises(ValueError, match="`base`"):
        MultiScaleQuantizer(ResidualQuantizer(VectorQuantizer(8, 2), 2), [1, 4])


def test_symmetric_finite_levels_may_be_the_base() -> None:
    made = MultiScaleQuantizer(FiniteScalarQuantizer([5, 5], symmetric=True), [1, 2, 4])
    made.build((None, *H.shape[1:]))
    outputs = called(made, H)
    again = made.decode_indices(ops.convert_to_tensor(outputs["indices"]))
    np.testing.assert_array_equal(ops.convert_to_numpy(again), outputs["quantized"])
