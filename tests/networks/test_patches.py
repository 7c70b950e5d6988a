from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.networks.patches import PatchDecoder, PatchEncoder, Patches, networks, taken

RNG = np.random.default_rng(0)


def array(value: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(value))


@pytest.mark.parametrize(
    ("shape", "size", "grid"),
    [
        ((6, 4, 2), 2, (3, 2)),
        ((6, 4, 2), (3, 4), (2, 1)),
        ((12, 3), 4, (3,)),
        ((4, 2, 6, 1), (2, 2, 3), (2, 1, 2)),
        ((7,), 1, (7,)),
        ((8,), 4, (2,)),
    ],
)
def test_patches_are_blocks_and_join_again(shape: Any, size: Any, grid: Any) -> None:
    patches, x = Patches(shape, size), RNG.normal(size=(3, *shape)).astype("f4")
    assert patches.grid == grid
    cut = array(patches.cut(ops.convert_to_tensor(x)))
    assert cut.shape == (3, patches.count, patches.width)
    whole = x if len(shape) > 1 else x[..., None]
    for number, place in enumerate(np.ndindex(grid)):
        block = whole
        for axis, (i, side) in enumerate(zip(place, patches.sides, strict=True), 1):
            block = np.take(block, range(i * side, (i + 1) * side), axis)
        np.testing.assert_array_equal(cut[:, number], block.reshape(3, -1))
    np.testing.assert_array_equal(array(patches.joined(ops.convert_to_tensor(cut))), x)


@pytest.mark.parametrize(("shape", "size"), [((6, 4, 1), 4), ((6, 4, 1), (2, 2, 1)), ((5,), 2)])
def test_sides_that_do_not_divide_are_refused(shape: Any, size: Any) -> None:
    with pytest.raises(ValueError, match="`patch_size` must divide"):
        Patches(shape, size)


def test_a_single_patch_is_refused() -> None:
    with pytest.raises(ValueError, match="2 patches or more"):
        Patches((4, 4, 1), 4)


def test_places_are_told_by_sines_and_cosines_of_each_axis() -> None:
    found = Patches((8, 12, 1), 2).positions(8)
    rows, columns = np.indices((4, 6)).reshape(2, -1)
    for axis, places in enumerate((rows, columns)):
        of_axis = found[:, axis::2]
        wanted = [
            function(places / 10_000.0 ** (pair / 2))
            for pair in range(2)
            for function in (np.sin, np.cos)
        ]
        np.testing.assert_allclose(of_axis, np.stack(wanted, axis=1), atol=1e-6)
    assert len(np.unique(found.round(5), axis=0)) == 24


def test_tokens_of_these_numbers_are_taken() -> None:
    tokens = RNG.normal(size=(3, 5, 2)).astype("f4")
    numbers = np.array([[4, 0], [1, 2], [3, 3]])
    got = array(taken(ops.convert_to_tensor(tokens), ops.convert_to_tensor(numbers)))
    wanted = [row[places] for row, places in zip(tokens, numbers, strict=True)]
    np.testing.assert_array_equal(got, wanted)


def encoder(covers: bool = False, told: int = 0) -> Any:
    layer = PatchEncoder(Patches((4, 6, 1), 2), width=8, depth=1, heads=2, covers=covers)
    layer.build((None, 4, 6, 1 + told))
    return layer


def test_an_encoder_of_some_patches_does_not_see_the_others() -> None:
    layer, x = encoder(), RNG.normal(size=(2, 4, 6, 1)).astype("f4")
    kept = np.array([[0, 5, 2], [4, 1, 3]])
    first = array(layer.seeing(ops.convert_to_tensor(x), ops.convert_to_tensor(kept)))
    assert first.shape == (2, 3, 8)
    other = x.copy()
    other[0, :2, 2:4] += 10.0  # patch 1 of the first example
    again = array(layer.seeing(ops.convert_to_tensor(other), ops.convert_to_tensor(kept)))
    np.testing.assert_allclose(again, first, rtol=1e-5, atol=1e-6)
    other[0, :2, :2] += 10.0  # patch 0
    again = array(layer.seeing(ops.convert_to_tensor(other), ops.convert_to_tensor(kept)))
    assert abs(again[0] - first[0]).max() > 1e-3


def test_all_patches_in_another_order_are_the_same_tokens() -> None:
    layer, x = encoder(), ops.convert_to_tensor(RNG.normal(size=(2, 4, 6, 1)).astype("f4"))
    order = np.array([[5, 3, 1, 0, 2, 4]] * 2)
    got = array(layer.seeing(x, ops.convert_to_tensor(order)))
    np.testing.assert_allclose(got, array(layer(x))[:, order[0]], rtol=1e-4, atol=1e-5)


def test_a_covered_patch_is_not_seen_but_known_to_be_there() -> None:
    layer, x = encoder(covers=True), RNG.normal(size=(1, 4, 6, 1)).astype("f4")
    mask = np.array([[0, 1, 0, 0, 0, 0]], "f4")
    first = array(layer.covered(ops.convert_to_tensor(x), ops.convert_to_tensor(mask)))
    other = x.copy()
    other[0, :2, 2:4] += 10.0
    again = array(layer.covered(ops.convert_to_tensor(other), ops.convert_to_tensor(mask)))
    np.testing.assert_allclose(again, first, rtol=1e-5, atol=1e-6)
    none = array(layer.covered(ops.convert_to_tensor(x), ops.convert_to_tensor(0 * mask)))
    np.testing.assert_allclose(none, array(layer(ops.convert_to_tensor(x))), rtol=1e-5, atol=1e-6)


def test_what_is_told_reaches_every_patch() -> None:
    layer, x = encoder(told=2), RNG.normal(size=(1, 4, 6, 1)).astype("f4")
    tokens = []
    for value in (0.0, 1.0):
        told = np.full((1, 4, 6, 2), value, "f4")
        tokens.append(array(layer.tokens(ops.convert_to_tensor(np.concatenate([x, told], -1)))))
    apart = tokens[1] - tokens[0]
    kernel = array(layer.embed.kernel)[-2:].sum(0)
    np.testing.assert_allclose(apart, np.broadcast_to(kernel, apart.shape), rtol=1e-4, atol=1e-5)


def test_a_decoder_puts_codes_where_they_were_seen() -> None:
    layer = PatchDecoder(Patches((4, 6, 1), 2), width=8, depth=0, heads=2)
    layer.build((None, 6, 3))
    codes = RNG.normal(size=(1, 2, 3)).astype("f4")
    places = np.array([[2, 0, 3, 4, 1, 5]])  # patch 1 is the first seen, patch 4 the second
    made = layer.of_seen(ops.convert_to_tensor(codes), ops.convert_to_tensor(places))
    cut = array(layer.patches.cut(made))[0]
    whole = np.zeros((1, 6, 3), "f4")
    whole[0, [1, 4]] = codes[0]
    of_codes = array(layer.patches.cut(layer(ops.convert_to_tensor(whole))))[0]
    np.testing.assert_allclose(cut[[1, 4]], of_codes[[1, 4]], rtol=1e-4, atol=1e-5)
    hidden = array(layer.hidden) @ array(layer.last.kernel) + array(layer.last.bias)
    for number in (0, 2, 3, 5):
        np.testing.assert_allclose(cut[number], hidden, rtol=1e-4, atol=1e-5)


def test_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="`form` must be"):
        networks(Patches((4, 4, 1), 2), "beit", 2, (8, 1), (8, 1))
