from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae import Tiled
from keras_ae.tiling.tiled import pieces

RNG = np.random.default_rng(0)
VQ: dict[str, Any] = {"latent_dim": 3, "encoder": "conv", "num_codes": 16}
# Small models, and the size of what they are then given.
MODELS: dict[str, tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "image": ("vq_vae", (24, 28, 2), (60, 44, 2), {**VQ, "hidden": [4, 5]}),
    "series": ("vq_vae", (32, 2), (104, 2), {**VQ, "hidden": [4, 5]}),
    "volume": ("vq_vae", (14, 14, 14, 1), (18, 24, 14, 1), {**VQ, "hidden": [3]}),
    "blocks": ("vq_vae", (48, 48, 1), (72, 48, 1), {**VQ, "encoder": "resnet", "hidden": [4, 4]}),
    "levels": ("rq_vae", (24, 24, 1), (40, 32, 1), {**VQ, "levels": 2, "hidden": [4, 5]}),
    "normal": (
        "autoencoder_kl",
        (24, 24, 1),
        (40, 32, 1),
        {"latent_dim": 3, "hidden": [4, 5], "critic_hidden": [4], "normalize": "standard"},
    ),
}


def small_and_whole(kind: str) -> tuple[Any, Any, np.ndarray]:
    """Return a model, the same networks made for larger data, and such data."""
    name, shape, larger, options = MODELS[kind]
    rows = RNG.normal(size=(2, *larger)).astype("float32")
    models = [keras_ae.create(name, input_shape=size, **options) for size in (shape, larger)]
    for model in models:
        model.normalizer.adapt([3.0 * rows + 1.0])
    weights = [ops.convert_to_numpy(v) for v in models[0].weights]
    drawn = [RNG.normal(size=w.shape, scale=0.5) if w.ndim > 1 else w for w in weights]
    for parts in zip(models[0].weights, models[1].weights, drawn, strict=True):
        for variable in parts[:2]:
            if "float" in str(variable.dtype) and "normalizer" not in variable.path:
                variable.assign(parts[2])
    if kind == "normal":
        for model in models:
            model.bottleneck.measure(3.0 * RNG.normal(size=(50, 3)) - 2.0)
            model.bottleneck.scale.assign([2.0, 0.5, 1.5])
            model.bottleneck.shift.assign([1.0, -0.5, 0.2])
    return *models, rows


@pytest.mark.parametrize("kind", MODELS)
def test_tiles_give_what_networks_made_for_the_whole_give(kind: str) -> None:
    small, whole, x = small_and_whole(kind)
    tiled = Tiled(small)
    codes = tiled.encode(x)
    assert codes.shape == (2, *whole.latent_shape)
    np.testing.assert_allclose(codes, whole.encode(x), rtol=1e-4, atol=1e-5)
    made = tiled.decode(codes, batch_size=3)
    np.testing.assert_allclose(made, whole.decode(codes), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(tiled.reconstruct(x), whole.reconstruct(x), rtol=1e-4, atol=1e-4)
    if kind == "normal":
        return
    numbers = tiled.encode_indices(x)
    assert numbers.dtype == "int32"
    assert len(np.unique(numbers)) > 2
    np.testing.assert_array_equal(numbers, whole.encode_indices(x))
    again = whole.decode_indices(numbers)
    np.testing.assert_allclose(tiled.decode_indices(numbers), again, rtol=1e-4, atol=1e-5)


def test_a_smaller_margin_is_not_exact() -> None:
    small, whole, x = small_and_whole("image")
    assert abs(Tiled(small, margin=0).reconstruct(x) - whole.reconstruct(x)).max() > 1e-2
    assert Tiled(small, margin=5).margins == {"encoder": (2, 2), "decoder": (2, 2)}


def test_data_of_one_tile_are_one_tile() -> None:
    small, _, _ = small_and_whole("image")
    x = RNG.normal(size=(3, 24, 28, 2)).astype("float32")
    np.testing.assert_allclose(Tiled(small).reconstruct(x), small.reconstruct(x), atol=1e-5)


@pytest.mark.parametrize(("size", "width", "margin"), [(5, 5, 2), (6, 5, 2), (31, 7, 2), (9, 4, 0)])
def test_pieces_cover_an_axis_and_keep_away_from_inner_edges(
    size: int, width: int, margin: int
) -> None:
    found = list(pieces(size, width, margin))
    assert [p for piece in found for p in range(piece.first, piece.end)] == list(range(size))
    for piece in found:
        assert 0 <= piece.start == piece.stop - width <= size - width
        assert piece.first >= piece.start + (margin if piece.start else 0)
        assert piece.end <= piece.stop - (margin if piece.stop < size else 0)
    least = 1 + -(-max(0, size - width) // (width - 2 * margin))
    assert len(found) == least


@pytest.mark.parametrize("shape", [(2, 20, 28, 2), (2, 26, 28, 2), (2, 24, 28, 1), (24, 28, 2)])
def test_data_that_tiles_do_not_cover_are_refused(shape: tuple[int, ...]) -> None:
    tiled = Tiled(small_and_whole("image")[0])
    with pytest.raises(ValueError, match=r"from \(24, 28\) on in multiples of \(4, 4\)"):
        tiled.encode(np.ones(shape))


def test_codes_that_tiles_do_not_cover_are_refused() -> None:
    tiled = Tiled(small_and_whole("image")[0])
    with pytest.raises(ValueError, match=r"`z` must have the shape \(rows, \*sizes, 3\)"):
        tiled.decode(np.ones((1, 6, 7, 2)))
    with pytest.raises(ValueError, match=r"from \(6, 7\)"):
        tiled.decode_indices(np.ones((1, 6, 6)))


def test_entries_that_are_not_finite_are_named() -> None:
    x = np.ones((1, 24, 28, 2))
    x[0, 3, 4, 1] = np.inf
    with pytest.raises(ValueError, match="must be finite"):
        Tiled(small_and_whole("image")[0]).encode(x)


@pytest.mark.parametrize("margin", [-1, 1.5, "2", True])
def test_impossible_margins_are_refused(margin: Any) -> None:
    with pytest.raises(ValueError, match="whole number of entries"):
        Tiled(small_and_whole("image")[0], margin)
