from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import special, stats

import keras_ae
from keras_ae.bottlenecks import Gaussian, Hyperspherical, TwoLevelGaussian
from keras_ae.distributions.noise import GivenNoise
from keras_ae.objectives import KLDivergence, Reconstruction

RNG = np.random.default_rng(0)
X = RNG.random((40, 5)).astype("float32")


def make(prior: Any, bottleneck: Any = None, likelihood: Any = "bernoulli") -> Any:
    return keras_ae.LatentModel(
        (5,),
        bottleneck=bottleneck or Gaussian(2),
        objective=[Reconstruction(), KLDivergence()],
        prior=prior,
        likelihood=likelihood,
        hidden=[6],
    )


def test_the_density_is_the_even_mixture_of_the_inputs_posteriors() -> None:
    model = make({"name": "vamp", "components": 7})
    u = RNG.random((7, 5)).astype("float32")
    model.prior.pseudo_inputs.inputs.assign(u)
    parameters = model.posterior(u)
    z = RNG.normal(size=(6, 2)).astype("float32")
    scale = np.exp(parameters["log_var"] / 2)
    each = stats.norm.logpdf(z[:, None], parameters["mean"], scale).sum(-1)
    wanted = special.logsumexp(each, axis=1) - np.log(7)
    got = ops.convert_to_numpy(model.prior.log_prob(z, model))
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_any_component_is_drawn_with_its_own_deviation() -> None:
    model = make({"name": "vamp", "components": 7})
    parameters = model.posterior(ops.convert_to_numpy(model.prior.pseudo_inputs.inputs).clip(0, 1))
    rows = 4_000
    uniform = RNG.random((rows, 7)).astype("float32")
    noise = np.ones((rows, 2), "float32")
    drawn = ops.convert_to_numpy(
        model.prior.sample((rows, 2), GivenNoise([uniform, noise]), model=model)
    )
    edges = parameters["mean"] + np.exp(parameters["log_var"] / 2)
    distance = abs(drawn[:, None] - edges).max(-1)
    assert distance.min(1).max() < 1e-5
    counts = np.bincount(distance.argmin(1), minlength=7)
    assert stats.chisquare(counts).pvalue > 1e-4  # one per component, not the first few


def test_the_two_levels_are_a_mixture_above_and_a_normal_below() -> None:
    model = make(
        {"name": "two_level_vamp", "lower_dim": 3, "components": 4, "hidden": 6},
        TwoLevelGaussian(3, 2, hidden=6),
    )
    u = RNG.random((4, 5)).astype("float32")
    model.prior.pseudo_inputs.inputs.assign(u)
    parameters = model.posterior(u)
    z = RNG.normal(size=(6, 5)).astype("float32")
    scale = np.exp(parameters["upper_log_var"] / 2)
    each = stats.norm.logpdf(z[:, None, 3:], parameters["upper_mean"], scale).sum(-1)
    hidden, lower = model.prior.hidden.get_weights(), model.prior.lower.get_weights()
    below = np.maximum(z[:, 3:] @ hidden[0] + hidden[1], 0) @ lower[0] + lower[1]
    wanted = special.logsumexp(each, axis=1) - np.log(4)
    wanted = wanted + stats.norm.logpdf(z[:, :3], below[:, :3], np.exp(below[:, 3:] / 2)).sum(1)
    got = ops.convert_to_numpy(model.prior.log_prob(z, model))
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_a_fit_starts_the_inputs_at_examples_and_moves_them() -> None:
    model = make({"name": "vamp", "components": 6})
    model.compile("adam")
    model.fit(X, epochs=1, batch_size=20, verbose=0)
    inputs = ops.convert_to_numpy(model.prior.pseudo_inputs.inputs)
    nearest = abs(inputs[:, None] - X).max(-1).min(1)
    assert (nearest < 0.1).all()
    assert (nearest > 0).all()
    again = inputs.copy()
    model.fit(X, epochs=1, batch_size=20, verbose=0)
    moved = abs(ops.convert_to_numpy(model.prior.pseudo_inputs.inputs) - again)
    assert 0 < moved.max() < 0.02  # by training, not drawn anew


def test_the_inputs_start_within_the_range_of_each_column_of_the_examples() -> None:
    model = make({"name": "vamp", "components": 30})
    rows = np.stack([X[:, 0].round(), *X[:, 1:4].T, np.full(40, np.nan)], 1)
    model.prior.adapt(model, rows)
    inputs = ops.convert_to_numpy(model.prior.pseudo_inputs.inputs)
    held = np.nan_to_num(rows)
    assert (inputs >= held.min(0)).all()
    assert (inputs <= held.max(0)).all()
    assert len(np.unique(inputs[:, 0])) > 2


def test_the_inputs_of_a_table_stay_in_the_support_of_each_column() -> None:
    columns = [{"name": "gaussian", "width": 2}, {"name": "poisson", "width": 3}]
    model = make(
        {"name": "vamp", "components": 3}, None, {"name": "mixed_tabular", "columns": columns}
    )
    z = RNG.normal(size=(6, 2)).astype("float32")
    found = []
    for counts in (-3.0, 0.0):
        u = np.concatenate([np.full((3, 2), -3.0), np.full((3, 3), counts)], 1)
        model.prior.pseudo_inputs.inputs.assign(u)
        found.append(ops.convert_to_numpy(model.prior.log_prob(z, model)))
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    ("prior", "bottleneck"),
    [
        ("vamp", TwoLevelGaussian(2, 2)),
        ({"name": "two_level_vamp", "lower_dim": 2}, Gaussian(4)),
        ({"name": "two_level_vamp", "lower_dim": 3}, TwoLevelGaussian(2, 2)),
        ("vamp", Hyperspherical(3)),
    ],
)
def test_a_posterior_of_another_kind_is_refused(prior: Any, bottleneck: Any) -> None:
    with pytest.raises(ValueError, match="Received: "):
        make(prior, bottleneck)


@pytest.mark.parametrize(
    ("prior", "bottleneck"),
    [
        ({"name": "vamp", "components": 4}, lambda: Gaussian(2)),
        (
            {"name": "two_level_vamp", "lower_dim": 1, "components": 4, "hidden": 3},
            lambda: TwoLevelGaussian(1, 1, hidden=4),
        ),
    ],
)
def test_in_a_conditional_model_each_input_has_a_condition_that_is_learned(
    prior: Any, bottleneck: Any
) -> None:
    model = keras_ae.LatentModel(
        (5,),
        bottleneck=bottleneck(),
        objective=[Reconstruction(), KLDivergence()],
        prior=prior,
        condition={"name": "label", "categories": 3},
        hidden=[6],
    )
    conditions = model.prior.pseudo_inputs.conditions
    np.testing.assert_allclose(ops.convert_to_numpy(conditions), 1 / 3, rtol=1e-6)
    model.compile("adam")
    rows = {"x": X, "condition": np.arange(40) % 3}
    model.fit(rows, epochs=1, batch_size=20, verbose=0)
    assert (ops.convert_to_numpy(conditions) != np.float32(1 / 3)).all()
    # The prior is the same under all conditions, and they are met in the decoder.
    z = RNG.normal(size=(3, 2)).astype("float32")
    told = [model.prior.given(c).log_prob(z, model) for c in (None, model.embedded(np.arange(3)))]
    np.testing.assert_array_equal(*map(ops.convert_to_numpy, told))
    assert np.isfinite(model.log_prob(rows, 3)).all()
    assert model.sample(3, condition=[0, 1, 2], seed=0).shape == (3, 5)


def test_the_condition_of_an_input_is_what_its_posterior_is_told() -> None:
    model = keras_ae.LatentModel(
        (5,),
        bottleneck=Gaussian(2),
        objective=[Reconstruction(), KLDivergence()],
        prior={"name": "vamp", "components": 7},
        condition=3,
        hidden=[6],
    )
    u, c = RNG.random((7, 5)).astype("float32"), RNG.normal(size=(7, 3)).astype("float32")
    model.prior.pseudo_inputs.inputs.assign(u)
    model.prior.pseudo_inputs.conditions.assign(c)
    parameters = model.posterior({"x": u, "condition": c})
    z = RNG.normal(size=(6, 2)).astype("float32")
    scale = np.exp(parameters["log_var"] / 2)
    each = stats.norm.logpdf(z[:, None], parameters["mean"], scale).sum(-1)
    wanted = special.logsumexp(each, axis=1) - np.log(7)
    got = ops.convert_to_numpy(model.prior.log_prob(z, model))
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
