from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special, stats

import keras_ae
from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import MixedTabular
from tests.likelihoods import oracle

RNG = np.random.default_rng(15)
COLUMNS: list[dict[str, Any]] = [
    {"name": "gaussian", "width": 3, "scale": 0.5, "learned_variance": True},
    {"name": "one_hot_categorical", "width": 4},
    {"name": "poisson", "width": 2},
    {"name": "bernoulli", "width": 1},
]
# Columns of x and of what the decoder gives, for each group.
DATA = np.split(np.arange(10), [3, 7, 9])
PARAMETERS = np.split(np.arange(13), [6, 10, 12])


def table(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what a decoder gives `(*shape, 13)` and data `(*shape, 10)`."""
    decoded = RNG.normal(size=(*shape, 13)).astype("f4")
    parts = [
        RNG.normal(size=(*shape, 3)),
        np.eye(4)[RNG.integers(0, 4, shape)],
        RNG.poisson(2.0, (*shape, 2)),
        RNG.integers(0, 2, (*shape, 1)),
    ]
    return decoded, oracle.blocks(*parts)


def densities(decoded: Any, x: Any) -> list[np.ndarray]:
    """Return each group's log-density, float64: of every number, and of the whole vector."""
    normal, logits, log_rate, logit = (np.asarray(decoded, "f8")[..., p] for p in PARAMETERS)
    reals, hot, counts, flags = (np.asarray(x, "f8")[..., d] for d in DATA)
    deviation = 0.5 * np.exp(np.clip(normal[..., 3:], -20, 20) / 2)
    return [
        stats.norm.logpdf(reals, normal[..., :3], deviation),
        (hot * special.log_softmax(logits, -1)).sum(-1, keepdims=True),
        stats.poisson.logpmf(counts, np.exp(np.clip(log_rate, -20, 20))),
        flags * special.log_expit(logit) + (1 - flags) * special.log_expit(-logit),
    ]


@pytest.mark.parametrize("event", [(), (4,), (2, 3)])
def test_log_prob_is_the_sum_of_the_groups(event: tuple[int, ...]) -> None:
    decoded, x = table(5, *event)
    wanted = sum(part.reshape(5, -1).sum(1) for part in densities(decoded, x))
    oracle.assert_near(oracle.log_prob(MixedTabular(COLUMNS), decoded, x), wanted)


def test_the_blocks_of_each_group_follow_one_another() -> None:
    assert tuple(MixedTabular(COLUMNS).decoded_shape((10,))) == (13,)
    assert tuple(MixedTabular(COLUMNS).decoded_shape((4, 10))) == (4, 13)
    wide = [{"name": "categorical", "width": 2, "categories": 3}, {"name": "beta", "width": 1}]
    assert tuple(MixedTabular(wide).decoded_shape((3,))) == (8,)


def test_one_group_is_its_likelihood() -> None:
    decoded, x = RNG.normal(size=(6, 3)), RNG.poisson(2.0, (6, 3))
    got = oracle.log_prob(MixedTabular([{"name": "poisson", "width": 3}]), decoded, x)
    wanted = stats.poisson.logpmf(x, np.exp(decoded.astype("f4").astype("f8"))).sum(1)
    oracle.assert_near(got, wanted)


def test_the_same_likelihood_may_have_two_groups() -> None:
    columns = [{"name": "laplace", "width": 1, "scale": s} for s in (0.5, 2.0)]
    decoded, x = RNG.normal(size=(2, 6, 2)).astype("f4")
    got = oracle.log_prob(MixedTabular(columns), decoded, x)
    oracle.assert_near(got, stats.laplace.logpdf(x.astype("f8"), decoded, [0.5, 2.0]).sum(1))


def test_values_are_exact_at_the_extremes_and_gradients_are_finite() -> None:
    for raw in (-100.0, 100.0):
        for top in (0.0, 1.0):
            x = np.array([[-100.0, 0.0, 100.0, top, 0, 0, 1 - top, top * 1e6, 0.0, top]])
            decoded = np.full((1, 13), raw)
            wanted = np.concatenate(densities(decoded, x), -1).sum(-1)
            oracle.assert_near(oracle.log_prob(MixedTabular(COLUMNS), decoded, x), wanted)
            oracle.assert_finite(MixedTabular(COLUMNS), decoded, x)


def test_the_gradient_is_that_of_the_sum() -> None:
    decoded, x = table(5)
    got = oracle.log_prob_gradient(MixedTabular(COLUMNS), decoded, x)
    wanted = oracle.slopes(lambda v: np.concatenate(densities(v, x), -1).sum(-1), decoded)
    oracle.assert_near(got, wanted, 1e-4)


def test_the_mean_is_every_groups_mean() -> None:
    decoded, x = table(5, 4)
    got = ops.convert_to_numpy(MixedTabular(COLUMNS).mean(decoded))
    normal, logits, log_rate, logit = (decoded.astype("f8")[..., p] for p in PARAMETERS)
    wanted = [normal[..., :3], special.softmax(logits, -1), np.exp(log_rate), special.expit(logit)]
    assert got.shape == x.shape
    np.testing.assert_allclose(got, np.concatenate(wanted, -1), rtol=1e-5)


def drawn_from(columns: list[dict[str, Any]], row: list[float]) -> np.ndarray:
    """Return 20,000 draws of one row."""
    decoded = np.tile(np.array(row, "f4"), (20_000, 1))
    return np.asarray(ops.convert_to_numpy(MixedTabular(columns).sample(decoded, Noise())))


def test_draws_of_every_group_are_its_own() -> None:
    row = [-1.0, 0.0, 2.0, 0.0, 1.0, -1.0, 1.0, 0.0, -1.0, 0.5, 0.4]
    drawn = drawn_from([COLUMNS[0], COLUMNS[1], COLUMNS[3]], row)
    for k, (mean, log_var) in enumerate(zip(row[:3], row[3:6], strict=True)):
        law = stats.norm(mean, 0.5 * np.exp(log_var / 2))
        assert oracle.distance(drawn[:, k], law.cdf) < 0.02
    assert (drawn[:, 3:7].sum(1) == 1).all()
    np.testing.assert_allclose(drawn[:, 3:7].mean(0), special.softmax(row[6:10]), atol=0.02)
    assert set(np.unique(drawn[:, 7])) == {0.0, 1.0}
    assert abs(drawn[:, 7].mean() - special.expit(0.4)) < 0.02
    assert np.abs(np.corrcoef(drawn[:, [0, 1, 2, 3, 7]].T) - np.eye(5)).max() < 0.05


def test_draws_of_counts_beside_reals_are_counts() -> None:
    columns = [{"name": "poisson", "width": 1}, {"name": "laplace", "width": 1}]
    drawn = drawn_from(columns, [0.5, -3.0])
    assert oracle.distance(drawn[:, 0], stats.poisson(np.exp(0.5)).cdf) < 0.02
    assert oracle.distance(drawn[:, 1], stats.laplace(-3.0).cdf) < 0.02


def test_masked_entries_do_not_count_and_a_vector_counts_if_all_of_it_is_observed() -> None:
    decoded, x = table(6)
    mask = (RNG.random(x.shape) < 0.7).astype("f4")
    mask[:2, 3:7] = 1
    mask[2, 3:7] = 1, 1, 0, 1
    got = oracle.log_prob(MixedTabular(COLUMNS), decoded, x, mask)
    seen = [mask[:, d] for d in DATA]
    seen[1] = seen[1].min(1, keepdims=True)
    wanted = [(p * m).sum(1) for p, m in zip(densities(decoded, x), seen, strict=True)]
    oracle.assert_near(got, sum(wanted))


def test_a_mask_of_leading_axes_chooses_whole_rows() -> None:
    decoded, x = table(5, 4)
    rows = sum(part.sum(-1) for part in densities(decoded, x))
    mask = (RNG.random((5, 4)) < 0.5).astype("f4")
    got = oracle.log_prob(MixedTabular(COLUMNS), decoded, x, mask)
    oracle.assert_near(got, (rows * mask).sum(1))
    got = oracle.log_prob(MixedTabular(COLUMNS), decoded, x, mask[:, 0])
    oracle.assert_near(got, rows.sum(1) * mask[:, 0])


def test_a_table_has_masses_if_all_its_groups_have() -> None:
    assert MixedTabular(COLUMNS[1:]).masses
    assert not MixedTabular(COLUMNS).masses


def test_each_group_checks_its_own_columns() -> None:
    likelihood, (_, x) = MixedTabular(COLUMNS), table(5)
    x[:, :3] *= 100
    x[0, 0] = x[1, 8] = np.nan
    likelihood.check_support(x)
    for column, value, message in (
        (7, -1.0, r"lie in \[0, inf\]"),
        (8, 1.5, "whole"),
        (9, 2.0, r"lie in \[0, 1\]"),
        (3, -1.0, r"lie in \[0, 1\]"),
    ):
        wrong = x.copy()
        wrong[2, column] = value
        with pytest.raises(ValueError, match=message):
            likelihood.check_support(wrong)


@pytest.mark.parametrize("columns", [[], (), None, "gaussian", 3, {"name": "gaussian", "width": 1}])
def test_columns_that_are_no_list_of_groups_are_refused(columns: Any) -> None:
    with pytest.raises(ValueError, match="`columns`"):
        MixedTabular(columns)


@pytest.mark.parametrize("group", ["gaussian", None, 3, {"width": 2}])
def test_a_group_without_a_name_is_refused(group: Any) -> None:
    with pytest.raises(ValueError, match="columns"):
        MixedTabular([{"name": "poisson", "width": 1}, group])


@pytest.mark.parametrize("width", [0, -1, 1.5, "two", None])
def test_a_group_without_a_width_is_refused(width: Any) -> None:
    with pytest.raises(ValueError, match="width"):
        MixedTabular([{"name": "gaussian", "width": width}])
    with pytest.raises(ValueError, match="width"):
        MixedTabular([{"name": "gaussian"}])


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises((TypeError, ValueError), match="name"):
        MixedTabular([{"name": 3, "width": 2}])


def test_an_unknown_likelihood_or_option_of_a_group_is_refused() -> None:
    with pytest.raises(ValueError, match="Received: 'gausian'"):
        MixedTabular([{"name": "gausian", "width": 2}])
    with pytest.raises(ValueError, match="Received: 'sigma'"):
        MixedTabular([{"name": "gaussian", "width": 2, "sigma": 1.0}])
    with pytest.raises(ValueError, match="`scale` must be"):
        MixedTabular([{"name": "gaussian", "width": 2, "scale": 0}])


def test_a_scaling_leaves_groups_that_do_not_allow_it_as_they_are(tmp_path: Any) -> None:
    columns = [{"name": n, "width": 2} for n in ("gaussian", "poisson", "bernoulli")]
    model = keras_ae.create(
        "vae",
        input_shape=(6,),
        latent_dim=1,
        hidden=[3],
        likelihood={"name": "mixed_tabular", "columns": columns},
        normalize="standard",
    )
    model.compile("adam")
    x = oracle.blocks(
        RNG.normal(5, 3, (64, 2)), RNG.poisson(9, (64, 2)), RNG.integers(0, 2, (64, 2))
    )
    model.fit(x, verbose=0)
    moved = ops.convert_to_numpy(model.batch(x).x)
    np.testing.assert_array_equal(moved[:, 2:], x[:, 2:])
    np.testing.assert_allclose(moved[:, :2], (x - x.mean(0))[:, :2] / x.std(0)[:2], atol=1e-5)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded.log_prob(x, 2), model.log_prob(x, 2), rtol=1e-6)
    for column, value in ((2, -1.0), (3, 0.5), (5, 2.0)):
        wrong = x.copy()
        wrong[0, column] = value
        with pytest.raises(ValueError, match="The data are as normalize='standard' gives them"):
            model.fit(wrong, verbose=0)


def test_a_scaling_that_no_group_allows_is_refused() -> None:
    with pytest.raises(ValueError, match="the Poisson likelihood needs whole numbers"):
        MixedTabular([{"name": "poisson", "width": 2}]).scaled("standard", 2)
    assert MixedTabular(COLUMNS).scaled("minmax", 10).tolist() == [True] * 7 + [False] * 2 + [True]
