"""Codes of several resolutions."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import (
    FiniteScalarQuantizer,
    HierarchicalQuantizer,
    LookupFreeQuantizer,
    VectorQuantizer,
)
from tests.gradients import gradient

RNG = np.random.default_rng(0)
H = RNG.normal(size=(3, 7, 5, 4)).astype("f4")


def made(levels: int = 3) -> HierarchicalQuantizer:
    quantizer = HierarchicalQuantizer(VectorQuantizer(6, 3), width=4, levels=levels)
    quantizer.build(H.shape)
    return quantizer


def test_indices_are_those_of_all_maps_and_decode_to_the_code() -> None:
    quantizer = made()
    outputs = quantizer(H)
    assert quantizer.index_shape == (7 * 5 + 4 * 3 + 2 * 2,)
    assert outputs["latent"].shape == (3, 7, 5, 9)
    again = quantizer.decode_indices(outputs["indices"])
    np.testing.assert_array_equal(
        ops.convert_to_numpy(again), ops.convert_to_numpy(outputs["latent"])
    )


def test_the_finest_codes_are_of_its_own_codebook() -> None:
    quantizer = made(2)
    outputs = quantizer(H)
    finest = ops.convert_to_numpy(outputs["indices"])[:, :35].reshape(3, 7, 5)
    codes = ops.convert_to_numpy(quantizer.parts[0].codebook)[finest]
    np.testing.assert_array_equal(ops.convert_to_numpy(outputs["latent"])[..., :3], codes)


def test_the_coarse_codes_change_what_the_fine_ones_are_chosen_with() -> None:
    quantizer = made(2)
    before = ops.convert_to_numpy(quantizer(H)["pre_quantized"])
    quantizer.parts[1].table.sums.assign(RNG.normal(size=(6, 3)) * 10)
    assert abs(ops.convert_to_numpy(quantizer(H)["pre_quantized"]) - before).max() > 0.1


def test_gradients_reach_the_features_through_all_levels() -> None:
    quantizer = made()
    weights = RNG.normal(size=(3, 7, 5, 9)).astype("f4")
    for columns in (slice(0, 3), slice(3, 6), slice(6, 9)):
        chosen = np.zeros_like(weights)
        chosen[..., columns] = weights[..., columns]
        of = gradient(
            lambda h, c=chosen: ops.sum(quantizer(h)["latent"] * ops.convert_to_tensor(c)), H
        )
        assert abs(of).max() > 1e-4


def test_it_starts_from_maps_level_by_level() -> None:
    quantizer = HierarchicalQuantizer(VectorQuantizer(6, 3), width=4)
    quantizer.build(H.shape)
    h = RNG.normal(size=(20, 7, 5, 4)).astype("f4")
    before = float(ops.convert_to_numpy(ops.sum(quantizer(h)["errors"])))
    quantizer.adapt(h)
    assert float(ops.convert_to_numpy(ops.sum(quantizer(h)["errors"]))) < 0.9 * before
    with pytest.raises(ValueError, match=r"starts from maps of \(7, 5, 4\)"):
        quantizer.adapt(RNG.normal(size=(20, 4)))


def test_any_quantizer_of_one_index_may_be_the_base() -> None:
    quantizer = HierarchicalQuantizer(FiniteScalarQuantizer([5, 3]), width=4)
    assert quantizer(H)["indices"].shape == (3, 35 + 12)
    with pytest.raises(ValueError, match="one index for each vector"):
        HierarchicalQuantizer(LookupFreeQuantizer(40))
    with pytest.raises(TypeError, match="`base` must be a quantizer"):
        HierarchicalQuantizer("vector_quantizer")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`levels` must be at least 2"):
        HierarchicalQuantizer(VectorQuantizer(6, 3), levels=1)


def test_a_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="take no mask"):
        made()(H, mask=ops.ones((3, 7, 5)))
