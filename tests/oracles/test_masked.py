"""Masked autoencoders: patches, what is hidden, what the loss counts, who sees what."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae import models
from keras_ae.networks.hiding import Hiding
from keras_ae.networks.patches import Patches
from tests.gradients import gradient
from tests.oracles.sparse_numpy import array, close

pytestmark = pytest.mark.slow


def by_hand(x: np.ndarray, sides: tuple[int, ...]) -> np.ndarray:
    """Return the patches of (batch, *grid axes, channels), row by row of the grid."""
    batch, axes = len(x), x.shape[1:-1]
    grid = [a // s for a, s in zip(axes, sides, strict=True)]
    out = []
    for place in np.ndindex(*grid):
        cut = tuple(slice(i * s, (i + 1) * s) for i, s in zip(place, sides, strict=True))
        out.append(x[(slice(None), *cut)].reshape(batch, -1))
    return np.stack(out, 1)


@pytest.mark.parametrize(
    ("shape", "size", "sides"),
    [
        ((4, 6, 3), 2, (2, 2)),
        ((6, 4, 1), (3, 2), (3, 2)),
        ((4, 6, 2), (1, 3), (1, 3)),
        ((12, 2), 4, (4,)),
        ((2, 4, 6, 2), (1, 2, 3), (1, 2, 3)),
    ],
)
def test_patches_are_cut_and_joined(shape, size, sides):
    patches = Patches(shape, size)
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype("float32")
    want = by_hand(x, sides)
    assert (patches.count, patches.width) == want.shape[1:]
    found = array(patches.cut(ops.convert_to_tensor(x)))
    # The order of the grid is stated; that of numbers in a patch is its own affair, but the same
    # in all patches.
    close(np.sort(found, -1), np.sort(want, -1))
    close(array(patches.joined(ops.convert_to_tensor(found))), x)
    close(found, want)


def test_columns_of_a_table():
    patches = Patches((7,), 1)
    x = np.random.default_rng(0).normal(size=(3, 7)).astype("float32")
    assert (patches.count, patches.width) == (7, 1)
    close(array(patches.cut(ops.convert_to_tensor(x)))[..., 0], x)


@pytest.mark.parametrize(("shape", "size"), [((5, 6, 1), 2), ((4, 4, 1), 4), ((6,), 4)])
def test_bad_patches_are_refused(shape, size):
    with pytest.raises(ValueError, match="Received|must"):
        Patches(shape, size)


def test_positions_are_different_and_those_of_the_axes():
    # Section 3 of MAE, Vaswani et al. 3.5: sines and cosines of the place on each axis.
    p = Patches((4, 6, 3), 2).positions(16).reshape(2, 3, 16)
    assert len({tuple(np.round(v, 5)) for v in p.reshape(6, 16)}) == 6
    assert np.abs(p).max() <= 1
    # Half of the numbers tell the row alone, the others the column alone.
    same_row = (np.abs(p - p[:, :1]) < 1e-6).all((0, 1))
    same_column = (np.abs(p - p[:1]) < 1e-6).all((0, 1))
    assert (same_row | same_column).all()
    w = 1 / 10000 ** (np.arange(4) / 4)
    want = np.concatenate([np.sin(w), np.cos(w)])
    row = p[1, 0][~same_row | (p[1, 0] != p[0, 0])]
    assert len(row) >= 1
    assert all(np.abs(want - v).min() < 0.2 for v in row)


# What is hidden --------------------------------------------------------------------------------


def hidden(kind: str, share: float, grid: tuple[int, ...], batch: int = 200) -> Any:
    hiding = Hiding(kind, share)
    return hiding, hiding.draw(ops.zeros((batch, 1)), grid, True)


@pytest.mark.parametrize("kind", ["random", "block"])
@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.75, 0.99])
@pytest.mark.parametrize("grid", [(4, 6), (3, 5), (12,), (2, 3, 4)])
def test_each_example_hides_as_many(kind, share, grid):
    count = math.prod(grid)
    hiding, found = hidden(kind, share, grid)
    mask = array(found.mask)
    assert mask.shape == (200, count)
    assert set(np.unique(mask)) == {0, 1}
    number = mask.sum(1)
    assert (number == number[0]).all()
    # MAE, appendix / code: int(L * (1 - share)) are kept; one at least, and not all.
    assert abs(number[0] - share * count) <= 1
    assert 1 <= number[0] <= count - 1
    assert hiding.kept((count,)) == count - number[0]
    kept, places = array(found.kept), array(found.places)
    assert kept.shape == (200, count - number[0])
    for row in range(200):
        seen = np.flatnonzero(mask[row] == 0)
        assert sorted(kept[row]) == seen.tolist()
        # places: of each patch its number in [seen, hidden].
        assert sorted(places[row]) == list(range(count))
        assert (kept[row][places[row][seen]] == seen).all()


def test_random_hiding_is_uniform():
    _, found = hidden("random", 0.75, (4, 4), 4000)
    mask = array(found.mask)
    assert np.abs(mask.mean(0) - 0.75).max() < 0.04
    # Pairs: P(both hidden) = 12 * 11 / (16 * 15).
    both = mask.T @ mask / 4000
    off = both[~np.eye(16, dtype=bool)]
    assert np.abs(off - 12 * 11 / 240).max() < 0.05


@pytest.mark.parametrize("grid", [(4, 6), (6, 5)])
def test_blocks_are_those_nearest_to_a_point(grid):
    _, found = hidden("block", 0.4, grid)
    places = np.stack(np.meshgrid(*map(np.arange, grid), indexing="ij"), -1).reshape(-1, 2)
    points = np.stack(
        np.meshgrid(*[np.arange(-0.5, g + 0.01, 0.1) for g in grid], indexing="ij"), -1
    ).reshape(-1, 2)
    far = np.abs(places[None] - points[:, None])
    wide = far / np.array(grid)
    for mask in array(found.mask).astype(bool):
        # Some point has all hidden patches nearer than the others, by one of the usual norms, in
        # patches or in units of the grid's sides.
        assert any(
            (d[:, mask].max(1) <= d[:, ~mask].min(1) + 0.15).any()
            for d in ((far**2).sum(-1) ** 0.5, far.max(-1), far.sum(-1), wide.max(-1))
        )


@pytest.mark.parametrize("grid", [(6, 4), (8,), (5, 2, 3)])
def test_spans_are_slices_side_by_side(grid):
    _, found = hidden("span", 0.5, grid)
    mask = array(found.mask).reshape(200, grid[0], -1)
    assert (mask == mask[..., :1]).all()
    number = mask[..., 0].sum(1)
    assert (number == number[0]).all()
    assert abs(number[0] - grid[0] / 2) < 1
    starts = set()
    for row in mask[..., 0]:
        on = np.flatnonzero(row)
        assert on[-1] - on[0] + 1 == len(on)
        starts.add(on[0])
    assert starts == set(range(grid[0] - int(number[0]) + 1))


@pytest.mark.parametrize("grid", [(4, 6), (8,), (2, 3, 5)])
def test_columns_are_slices_along_the_last_axis(grid):
    _, found = hidden("column", 0.5, grid)
    mask = array(found.mask).reshape(200, -1, grid[-1])
    assert (mask == mask[:, :1]).all()
    number = mask[:, 0].sum(1)
    assert (number == number[0]).all()
    assert abs(number[0] - grid[-1] / 2) < 1
    assert np.abs(mask[:, 0].mean(0) - number[0] / grid[-1]).max() < 0.15


# The loss --------------------------------------------------------------------------------------

SHAPE = (4, 6, 2)


def made(**options: Any) -> Any:
    options = {
        "latent_dim": 4,
        "patch_size": 2,
        "width": 8,
        "depth": 1,
        "heads": 2,
        "decoder_width": 8,
        "decoder_depth": 1,
        "share": 0.5,
    } | options
    model = models.MaskedAutoencoder(SHAPE, **options)
    rng = np.random.default_rng(4)
    for v in model.trainable_variables:
        v.assign(array(v) + 0.3 * rng.normal(size=v.shape))
    return model


def data(count: int = 5) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(count, *SHAPE)).astype("float32")


def run(model: Any, x: np.ndarray) -> tuple[Any, dict[str, Any]]:
    batch = model.batch(ops.convert_to_tensor(x))
    return batch, model.autoencode(batch, training=True, sample=True)


@pytest.mark.parametrize("form", ["mae", "simmim"])
@pytest.mark.parametrize("visible", [0.0, 0.1, 1.0])
def test_loss_is_summed_over_hidden_patches(form, visible):
    # MAE, section 3: only on masked patches; in nats, summed as all of this package's terms.
    model = made(form=form, visible=visible)
    x = data()
    batch, outputs = run(model, x)
    mask = array(outputs["hidden"]).reshape(5, 6)
    assert (mask.sum(1) == 3).all()
    e = by_hand(x, (2, 2)) - by_hand(array(outputs["decoded"]), (2, 2))
    nats = (0.5 * e**2 + 0.5 * np.log(2 * np.pi)).sum(-1)
    want = (nats * (mask + visible * (1 - mask))).sum(1)
    (term,) = model.objective
    close(array(term.value(model, batch, outputs, True)), want)


@pytest.mark.parametrize("visible", [0.0, 0.1])
def test_normalised_targets_are_in_units_of_the_true_patch(visible):
    # MAE, section 3: mean and standard deviation of all pixels in a patch; the prediction stays in
    # the data's units here, so errors are divided by the deviation.
    model = made(visible=visible, normalize_targets=True)
    x = data()
    batch, outputs = run(model, x)
    mask = array(outputs["hidden"]).reshape(5, 6)
    true = by_hand(x, (2, 2)).astype("float64")
    e = true - by_hand(array(outputs["decoded"]), (2, 2))
    (term,) = model.objective
    got = array(term.value(model, batch, outputs, True))
    # The authors' program takes the unbiased variance and adds 1e-6.
    s = np.sqrt(true.var(-1, ddof=1, keepdims=True) + 1e-6)
    nats = (0.5 * (e / s) ** 2 + 0.5 * np.log(2 * np.pi)).sum(-1)
    close(got, (nats * (mask + visible * (1 - mask))).sum(1), 1e-4)


def test_a_flat_patch_does_not_break_normalised_targets():
    model = made(normalize_targets=True)
    x = np.zeros((3, *SHAPE), "float32")
    batch, outputs = run(model, x)
    (term,) = model.objective
    assert np.isfinite(array(term.value(model, batch, outputs, True))).all()


@pytest.mark.parametrize("form", ["mae", "simmim"])
def test_loss_depends_on_no_visible_target_and_prediction_on_no_hidden_input(form):
    model = made(form=form, visible=0.0)
    x = data()
    batch, outputs = run(model, x)
    mask = array(outputs["hidden"]).reshape(5, 6)
    pixel = np.repeat(np.repeat(mask.reshape(5, 2, 3), 2, 1), 2, 2)[..., None] * np.ones(SHAPE)
    (term,) = model.objective

    # By the target alone (inputs as they are): no gradient on what was seen.
    def loss(target):
        changed = batch._replace(target=target) if hasattr(batch, "_replace") else None
        if changed is None:
            import dataclasses

            changed = dataclasses.replace(batch, target=target)
        return ops.sum(term.value(model, changed, outputs, True))

    g = gradient(loss, x)
    assert (np.abs(g[pixel == 1]) > 0).all()
    assert not g[pixel == 0].any()


@pytest.mark.parametrize("form", ["mae", "simmim"])
@pytest.mark.parametrize("depth", [1, 0])
def test_codes_of_what_is_seen_do_not_know_what_is_hidden(form, depth):
    # MAE section 3: the encoder sees visible patches only. SimMIM: hidden ones are a mask token.
    model = made(form=form, decoder_depth=depth) if form == "simmim" or depth else None
    if model is None:
        pytest.skip("MAE's decoder has layers")
    x = data(64)
    keras.utils.set_random_seed(3)
    state = [array(v) for v in model.non_trainable_variables]
    _, one = run(model, x)
    mask = array(one["hidden"]).reshape(64, 6)
    pixel = np.repeat(np.repeat(mask.reshape(64, 2, 3), 2, 1), 2, 2)[..., None] * np.ones(SHAPE)
    for v, s in zip(model.non_trainable_variables, state, strict=True):
        v.assign(s)
    _, two = run(model, np.where(pixel == 1, 1e3, x).astype("float32"))
    assert (array(two["hidden"]).reshape(64, 6) == mask).all(), "the same noise hides the same"
    close(array(two["decoded"]), array(one["decoded"]), 1e-4)
    close(array(two["latent"]), array(one["latent"]), 1e-4)
    for v, s in zip(model.non_trainable_variables, state, strict=True):
        v.assign(s)
    _, three = run(model, np.where(pixel == 0, x + 1, x).astype("float32"))
    assert np.abs(array(three["decoded"]) - array(one["decoded"])).max() > 1e-3


def test_what_is_hidden_changes_from_step_to_step_and_not_in_evaluation_of_the_same_seed():
    model = made()
    x = data(16)
    a, b = (array(run(model, x)[1]["hidden"]) for _ in range(2))
    assert (a != b).any()
    assert (a != a[:1]).any()
    model.compile("sgd")
    first, second = (model.evaluate(x, verbose=0) for _ in range(2))
    assert first == pytest.approx(second, rel=1e-5)


@pytest.mark.parametrize("form", ["mae", "simmim"])
def test_inference_sees_all(form):
    model = made(form=form)
    x = data()
    codes = model.encode(x)
    assert codes.shape == (5, 6, 4)
    close(model.decode(codes), model.reconstruct(x), 1e-4)
    close(model.encode(x[1:2]), codes[1:2], 1e-4)
    y = x.copy()
    y[:, :2, :2] += 1  # any patch matters
    assert np.abs(model.reconstruct(y) - model.reconstruct(x)).max() > 1e-3


def test_score_is_the_distortion_of_all():
    # Term.score: the whole distortion, whatever the weight of what is seen.
    for visible in (0.1, 1.0):
        model = made(visible=visible)
        x = data()
        e = x - model.reconstruct(x)
        nats = (0.5 * e**2 + 0.5 * np.log(2 * np.pi)).reshape(5, -1).sum(1)
        got = model.score(x)
        close(got, nats, 1e-4)


# Gaps and tables -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["mae", "simmim"])
def test_gaps_are_not_counted(form):
    model = made(form=form, missing="mask", visible=0.25)
    x = data()
    gaps = x.copy()
    there = np.random.default_rng(6).random(x.shape) < 0.7
    gaps[~there] = np.nan
    batch, outputs = run(model, gaps)
    mask = array(outputs["hidden"]).reshape(5, 6)
    seen = by_hand(there.astype("float64"), (2, 2))
    e = by_hand(x, (2, 2)) - by_hand(array(outputs["decoded"]), (2, 2))
    nats = ((0.5 * e**2 + 0.5 * np.log(2 * np.pi)) * seen).sum(-1)
    want = (nats * (mask + 0.25 * (1 - mask))).sum(1)
    (term,) = model.objective
    close(array(term.value(model, batch, outputs, True)), want)


def test_normalised_targets_with_gaps_take_what_is_there():
    model = made(missing="mask", normalize_targets=True, visible=0.0)
    x = data()
    there = np.random.default_rng(6).random(x.shape) < 0.7
    gaps = np.where(there, x, np.nan).astype("float32")
    batch, outputs = run(model, gaps)
    mask = array(outputs["hidden"]).reshape(5, 6)
    true = by_hand(gaps, (2, 2)).astype("float64")
    e = true - by_hand(array(outputs["decoded"]), (2, 2))
    (term,) = model.objective
    got = array(term.value(model, batch, outputs, True))
    s = np.sqrt(np.nanvar(true, -1, ddof=1, keepdims=True) + 1e-6)
    nats = np.nansum(0.5 * (e / s) ** 2 + 0.5 * np.log(2 * np.pi) + 0 * e, -1)
    close(got, (nats * mask).sum(1), 1e-4)


def test_normalised_targets_of_single_numbers_are_finite():
    # A patch of one number has no deviation: an error, or errors in the data's units, not NaN.
    try:
        model = models.MaskedAutoencoder(
            (6,), latent_dim=2, patch_size=1, width=8, depth=1, heads=2, normalize_targets=True
        )
    except ValueError:
        return
    model.compile("adam")
    x = np.random.default_rng(0).normal(size=(20, 6)).astype("float32")
    logs = model.fit(x, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    assert max(logs["loss"]) < 1e4


@pytest.mark.parametrize("missing", [None, "mask"])
@pytest.mark.parametrize("form", ["mae", "simmim"])
def test_tables_train(form, missing):
    model = models.MaskedAutoencoder(
        (6,),
        latent_dim=2,
        patch_size=1,
        width=8,
        depth=1,
        heads=2,
        decoder_width=8,
        decoder_depth=1,
        form=form,
        missing=missing,
    )
    x = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")
    if missing:
        x[np.random.default_rng(1).random(x.shape) < 0.2] = np.nan
    model.compile("adam")
    logs = model.fit(x, epochs=2, batch_size=16, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    assert model.encode(x).shape == (40, 6, 2)
    assert np.isfinite(model.reconstruct(x)).all()


def test_a_decoder_without_layers_cannot_tell_what_is_hidden():
    # In the "mae" form only attention of the decoder leads from what is seen to what is hidden. A
    # linear decoder (SimMIM, section 3.3) belongs to "simmim"; elsewhere it must be refused, since
    # hidden patches would be constants.
    try:
        model = made(form="mae", decoder_depth=0)
    except ValueError:
        return
    _, outputs = run(model, data(64))
    mask = array(outputs["hidden"]).reshape(64, 6)
    decoded = by_hand(array(outputs["decoded"]), (2, 2))
    assert all(decoded[mask[:, p] == 1, p].std(0).max() > 1e-4 for p in range(6))


def test_flat_patches_do_not_outweigh_the_others():
    # MAE, section 3: a normalised target is (x - mean) / sqrt(var + 1e-6), which of a flat patch is
    # 0 and costs what others cost. Errors in data units over a deviation of 1e-3 cost 1e6 times.
    model = made(normalize_targets=True, visible=0.0)
    x = data(40)
    x[:, :2, :2] = 0.0  # one of six patches is flat, as the corners of digits are
    batch, outputs = run(model, x)
    (term,) = model.objective
    flat = array(outputs["hidden"]).reshape(40, 6)[:, 0] == 1
    values = array(term.value(model, batch, outputs, True))
    assert values[flat].mean() < 100 * values[~flat].mean(), (
        values[flat].mean(),
        values[~flat].mean(),
    )
