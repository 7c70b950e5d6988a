from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.networks.hiding import Hiding

GRID = (6, 5)


def drawn(kind: str, rows: int = 400, grid: Any = GRID, share: float = 0.6) -> list[np.ndarray]:
    """Return kept, places and mask, the latter as a map."""
    hiding = Hiding(kind, share)  # type: ignore[arg-type]
    hiding.noise.reset_evaluation(0)
    found = hiding.draw(ops.zeros((rows, 3)), grid, False)
    kept, places, mask = (np.array(ops.convert_to_numpy(part)) for part in found)
    return [kept, places, mask.reshape(rows, *grid)]


@pytest.mark.parametrize("kind", ["random", "block", "span", "column"])
def test_as_many_are_hidden_in_each_example_and_numbers_agree(kind: str) -> None:
    kept, places, mask = drawn(kind)
    # Six tenths of thirty, of six rows four.
    seen = 10 if kind == "span" else 12
    assert (mask.sum((1, 2)) == 30 - seen).all()
    assert kept.shape == (400, seen)
    for numbers, place, hidden in zip(kept, places, mask.reshape(400, -1), strict=True):
        assert sorted(place) == list(range(30))
        assert not hidden[numbers].any()
        np.testing.assert_array_equal(place[numbers], np.arange(seen))
        np.testing.assert_array_equal(place >= seen, hidden == 1)


def test_any_patch_is_hidden_equally_often_and_independently_of_its_place() -> None:
    _, _, mask = drawn("random", rows=4_000)
    np.testing.assert_allclose(mask.mean(0), 0.6, atol=0.04)
    neighbours = (mask[:, :, 1:] * mask[:, :, :-1]).mean()
    assert neighbours == pytest.approx(0.6 * 17 / 29, abs=0.01)


def test_a_block_is_what_is_nearest_to_a_point() -> None:
    _, _, mask = drawn("block")
    neighbours = (mask[:, :, 1:] * mask[:, :, :-1]).mean()
    assert neighbours > 0.6 * 17 / 29 + 0.05
    places = np.indices(GRID).reshape(2, -1).T
    for hidden in mask[:50].reshape(50, -1):
        inside = places[hidden == 1]
        spread = inside.max(0) - inside.min(0) + 1
        assert spread.prod() <= 30
        assert hidden.reshape(GRID).any(1).sum() == spread[0]  # no gaps
        assert hidden.reshape(GRID).any(0).sum() == spread[1]
    assert len(np.unique(mask.reshape(400, -1), axis=0)) > 20


def test_a_span_is_of_slices_side_by_side() -> None:
    for share, count in ((0.5, 5), (0.43, 4)):
        _, _, mask = drawn("span", grid=(10, 3), share=share)
        assert (mask == mask[:, :, :1]).all()
        for hidden in mask[..., 0]:
            places = np.flatnonzero(hidden)
            assert len(places) == count == places[-1] - places[0] + 1


def test_columns_are_hidden_whole() -> None:
    _, _, mask = drawn("column", grid=(4, 10), share=0.5)
    assert (mask == mask[:, :1]).all()
    np.testing.assert_allclose(mask[:, 0].mean(0), 0.5, atol=0.1)
    neighbours = (mask[:, 0, 1:] * mask[:, 0, :-1]).mean()
    assert neighbours == pytest.approx(0.5 * 4 / 9, abs=0.05)


@pytest.mark.parametrize(("share", "kept"), [(0.01, 3), (0.99, 1), (0.5, 2), (0.75, 1)])
def test_one_patch_is_seen_at_least_and_one_is_hidden(share: float, kept: int) -> None:
    assert Hiding("random", share).kept((4,)) == kept
    assert Hiding("column", share).kept((3, 4)) == 3 * kept
    assert Hiding("span", share).kept((4, 3)) == 3 * kept


@pytest.mark.parametrize("share", [0.0, 1.0, "x"])
def test_impossible_arguments_are_refused(share: Any) -> None:
    with pytest.raises(ValueError, match="`share`"):
        Hiding("random", share)
    with pytest.raises(ValueError, match="`kind`"):
        Hiding("all")  # type: ignore[arg-type]
    for kind, grid in (("span", (1, 4)), ("column", (4, 1))):
        with pytest.raises(ValueError, match="two slices or more"):
            Hiding(kind).kept(grid)  # type: ignore[arg-type]
