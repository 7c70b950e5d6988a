"""Figures of sparse codes: L0, share of the variance explained, dead atoms, densities."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from keras_ae import metrics, models
from tests.oracles.sparse_numpy import (
    ATOMS,
    WIDTH,
    array,
    close,
    gaussian,
    pre,
    rows,
    top_k,
    weights,
)

pytestmark = pytest.mark.slow


def codes(count=200, atoms=7, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(count, atoms)) * (rng.random((count, atoms)) < rng.random(atoms))
    z[:, 3] = 0
    return z


def test_sparsity_is_counted():
    z = codes()
    found = metrics.sparsity(z)
    density = (z != 0).mean(0)
    close(found.l0, (z != 0).sum(1).mean())
    close(found.dead_atoms, (density == 0).mean())
    close(found.density, density)


@pytest.mark.parametrize("bins", [1, 5, 20])
def test_histogram_of_log_densities(bins):
    z = codes()
    found = metrics.sparsity(z, bins=bins)
    density = (z != 0).mean(0)
    # From the density of one row to that of all.
    edges = np.linspace(math.log10(1 / len(z)), 0, bins + 1)
    close(found.edges, edges)
    want, _ = np.histogram(np.log10(density[density > 0]), edges)
    assert found.histogram.tolist() == want.tolist()
    assert found.histogram.sum() == (density > 0).sum()


def test_histogram_counts_the_ends():
    z = np.zeros((8, 3))
    z[:, 0] = 1  # used by all
    z[2, 1] = -1  # by one
    for bins in (1, 3, 20):
        found = metrics.sparsity(z, bins=bins)
        assert found.histogram.sum() == 2
        assert found.histogram[0] >= 1
        assert found.histogram[-1] >= 1


def test_one_row_has_a_histogram():
    found = metrics.sparsity(np.array([[0.0, 1.0, 2.0]]))
    assert found.l0 == 2
    assert found.histogram.sum() == 2
    assert len(found.edges) == len(found.histogram) + 1
    assert np.isfinite(found.edges).all()
    assert (np.diff(found.edges) >= 0).all()


def test_parts_are_as_the_whole():
    z = codes()
    a, b = metrics.sparsity(z), metrics.sparsity(iter([z[:7], z[7:50], z[50:]]))
    for name in ("l0", "dead_atoms", "density", "histogram", "edges"):
        close(getattr(a, name), getattr(b, name))
    m, v = metrics.top_examples(z, 5)
    n, u = metrics.top_examples(iter([z[:7], z[7:50], z[50:]]), 5)
    assert (m == n).all()
    assert (v == u).all()


def test_top_examples_are_the_largest():
    z = np.abs(codes())
    numbers, values = metrics.top_examples(z, 6)
    assert numbers.dtype == np.int64
    for j in range(z.shape[1]):
        order = [i for i in np.argsort(-z[:, j], kind="stable") if z[i, j] != 0][:6]
        order += [-1] * (6 - len(order))
        assert numbers[j].tolist() == order
        close(values[j], [z[i, j] if i >= 0 else 0 for i in order])


def test_top_examples_of_signed_codes():
    # Rows that do not use an atom are left out, however small the numbers of those that do.
    z = np.array([[-1.0], [0.0], [-3.0], [2.0]])
    numbers, values = metrics.top_examples(z, 4)
    assert numbers.tolist() == [[3, 0, 2, -1]]
    assert values.tolist() == [[2, -1, -3, 0]]


def test_more_are_asked_than_there_are():
    numbers, values = metrics.top_examples(np.array([[0.0, 2.0], [1.0, 3.0]]), count=10)
    assert numbers.shape == values.shape == (2, 10)
    assert numbers[1].tolist() == [1, 0] + [-1] * 8


@pytest.mark.parametrize("bad", [np.zeros((0, 3)), iter([]), [np.zeros((2, 3)), np.zeros((2, 4))]])
def test_bad_codes_are_refused(bad):
    with pytest.raises(ValueError, match="Received|must"):
        metrics.sparsity(bad)
    with pytest.raises(ValueError, match="Received|must"):
        metrics.top_examples(np.zeros((0, 3)))


# What fit and evaluate log ---------------------------------------------------------------------


def expected(w, x, y=None, k=3, mask=None, weight=None):
    """Return l0, explained and dead_atoms of all rows, each row with its weight."""
    y = x if y is None else y
    mask = np.ones_like(y) if mask is None else mask
    weight = np.ones(len(x)) if weight is None else weight
    z = top_k(pre(w, np.nan_to_num(x) * mask if y is x else x), k)
    e = (y - z @ w["D"] - w["b"]) * mask
    total = (weight[:, None] * mask).sum(0)
    mean = (weight[:, None] * mask * np.nan_to_num(y)).sum(0) / total
    spread = (weight[:, None] * mask * (np.nan_to_num(y) - mean) ** 2).sum()
    return {
        "l0": (weight * (z != 0).sum(1)).sum() / weight.sum(),
        "explained": 1 - (weight[:, None] * np.nan_to_num(e) ** 2).sum() / spread,
        "dead_atoms": 1 - ((z != 0) & (weight > 0)[:, None]).any(0).mean(),
    }


def model(seed=0, **options):
    made = models.TopKSAE((WIDTH,), latent_dim=ATOMS, k=3, **options)
    w = weights(made.bottleneck, seed)
    w["c"][[2, 5]] = -1e3
    made.bottleneck.bias.assign(w["c"])
    made.compile(keras.optimizers.SGD(0.0))
    return made, w


@pytest.mark.parametrize("batch_size", [8, 30, 100])
def test_evaluate_is_of_all_rows(batch_size):
    m, w = model()
    x = rows(30)
    logs = m.evaluate(x, batch_size=batch_size, verbose=0, return_dict=True)
    for name, value in expected(w, x).items():
        close(logs[name], value, 1e-4)


@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_fit_is_of_all_rows(offset):
    m, w = model()
    x = rows(30) + np.float32(offset)
    m.fit(x, batch_size=8, epochs=1, verbose=0)  # the bias starts here
    w["b"] = array(m.bottleneck.dictionary.bias).astype("float64")
    logs = m.fit(x, batch_size=8, epochs=2, verbose=0, validation_data=x[:11]).history
    for name, value in expected(w, x).items():
        close(logs[name][-1], value, 1e-3)
    for name, value in expected(w, x[:11]).items():
        close(logs["val_" + name][-1], value, 1e-3)


def test_an_epoch_forgets_the_last_one():
    m, w = model()
    m.evaluate(rows(64, seed=9), verbose=0)
    x = rows(9)
    logs = m.evaluate(x, batch_size=4, verbose=0, return_dict=True)
    for name, value in expected(w, x).items():
        close(logs[name], value, 1e-4)


def test_targets_are_what_is_explained():
    m, w = model()
    x, y = rows(30), rows(30, seed=4) + np.float32(5)
    logs = m.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    for name, value in expected(w, x, y).items():
        close(logs[name], value, 1e-4)


@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_missing_entries_count_for_nothing(offset):
    m, w = model(missing="mask")
    x = rows(30) + np.float32(offset)
    mask = np.random.default_rng(3).random(x.shape) < 0.7
    gaps = np.where(mask, x, np.nan).astype("float32")
    logs = m.evaluate(gaps, batch_size=8, verbose=0, return_dict=True)
    for name, value in expected(w, gaps, mask=mask).items():
        close(logs[name], value, 1e-4)


def test_missing_targets_count_for_nothing():
    # A transcoder's targets are far from its inputs; their variance is that of what is there.
    m = models.Transcoder((WIDTH,), latent_dim=ATOMS, k=3, missing="mask")
    w = weights(m.bottleneck)
    m.compile(keras.optimizers.SGD(0.0))
    x, y = rows(30), rows(30, seed=4) + np.float32(5)
    mask = np.random.default_rng(3).random(y.shape) < 0.7
    y = np.where(mask, y, np.nan).astype("float32")
    z = top_k(pre(w, x, centred=False), 3)
    e = np.nansum((y - z @ w["D"] - w["b"]) ** 2)
    logs = m.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    close(logs["explained"], 1 - e / np.nansum((y - np.nanmean(y, 0)) ** 2), 1e-4)


@pytest.mark.parametrize("normalize", [None, "standard"])
@pytest.mark.parametrize(
    "variant", ["TopKSAE", "BatchTopKSAE", "JumpReLUSAE", "GatedSAE", "MatryoshkaSAE", "Transcoder"]
)
def test_rows_with_gaps_train(variant, normalize):
    m = getattr(models, variant)((WIDTH,), latent_dim=24, missing="mask", normalize=normalize)
    m.compile("adam")
    x = rows(60) + np.float32(5)
    x[np.random.default_rng(3).random(x.shape) < 0.1] = np.nan
    logs = m.fit(x, epochs=2, verbose=0).history
    for name, values in logs.items():
        assert np.isfinite(values).all(), name
    assert np.isfinite(array(m.bottleneck.dictionary.bias)).all()


@pytest.mark.parametrize("batch_size", [8, 30])
def test_loss_of_an_epoch_is_the_mean_over_rows(batch_size):
    m, w = model()
    x = rows(30)
    z = top_k(pre(w, x), 3)
    want = gaussian(x - z @ w["D"] - w["b"])
    logs = m.evaluate(x, batch_size=batch_size, verbose=0, return_dict=True)
    close(logs["loss"], want.mean(), 1e-4)
    weight = np.random.default_rng(1).uniform(0, 3, 30)
    logs = m.evaluate(x, sample_weight=weight, batch_size=batch_size, verbose=0, return_dict=True)
    close(logs["loss"], (weight * want).mean(), 1e-4)
