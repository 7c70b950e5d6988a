"""Codes of numbers and discrete variables, beside NumPy's two parts."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special, stats

import keras_ae
from keras_ae import priors
from keras_ae.bottlenecks import Joint
from keras_ae.objectives import KLDivergence, Reconstruction
from tests.gradients import gradient

H = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
CATEGORIES = (3, 2)
SIZE = 2 + sum(CATEGORIES)
PARTS = {0: slice(2, 5), 1: slice(5, 7)}
"""Where each variable is in the code."""


def make(**options: Any) -> Joint:
    code = Joint(2, CATEGORIES, **options)
    code.build((None, 5))
    rng = np.random.default_rng(2)
    for variable in code.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    return code


def prior_of(categories: Any = CATEGORIES) -> priors.Joint:
    prior = priors.Joint(categories)
    prior.make_weights((2 + sum(categories),), (8,))
    return prior


def numbers(outputs: Any) -> dict[str, np.ndarray]:
    return {key: ops.convert_to_numpy(value) for key, value in outputs.items()}


def probabilities(logits: np.ndarray) -> list[np.ndarray]:
    """Of each variable, from logits side by side."""
    logits = logits.astype("f8")
    return [special.softmax(logits[:, :3], axis=1), special.softmax(logits[:, 3:], axis=1)]


def repeated(parameters: Any, times: int) -> Any:
    return {key: ops.repeat(value, times, axis=0) for key, value in parameters.items()}


def test_it_reports_a_normal_and_log_probabilities_of_each_variable() -> None:
    found = numbers(make()(H))
    assert set(found) == {"latent", "mean", "log_var", "logits"}
    assert found["mean"].shape == found["log_var"].shape == (4, 2)
    assert found["logits"].shape == (4, 5)
    for p, part in zip(probabilities(found["logits"]), (slice(0, 3), slice(3, 5)), strict=True):
        np.testing.assert_allclose(np.exp(found["logits"][:, part]), p, rtol=1e-5)
        np.testing.assert_allclose(np.exp(found["logits"][:, part]).sum(1), 1, rtol=1e-5)


def test_the_code_is_the_mean_and_the_likeliest_categories() -> None:
    found = numbers(make()(H))
    np.testing.assert_array_equal(found["latent"][:, :2], found["mean"])
    likeliest = [np.eye(p.shape[1])[p.argmax(1)] for p in probabilities(found["logits"])]
    np.testing.assert_array_equal(found["latent"][:, 2:], np.concatenate(likeliest, 1))


def test_draws_outside_of_training_are_discrete_with_the_reported_probabilities() -> None:
    code, times = make(), 8_000
    parameters = code.distribution(H)
    found = numbers(code.draw(repeated(parameters, times), training=False))["latent"]
    assert set(np.unique(found[:, 2:])) == {0.0, 1.0}
    found = found.reshape(4, times, SIZE)
    reported = numbers(parameters)
    p = probabilities(reported["logits"])
    for variable, place in PARTS.items():
        np.testing.assert_array_equal(found[..., place].sum(-1), 1)
        for row in range(4):
            counts = found[row, :, place].sum(0)
            assert stats.chisquare(counts, times * p[variable][row]).pvalue > 1e-5
    deviation = np.exp(reported["log_var"] / 2)
    error = abs(found[..., :2].mean(1) - reported["mean"]) / deviation * np.sqrt(times)
    assert error.max() < 4.5
    np.testing.assert_allclose(found[..., :2].std(1) / deviation, 1, atol=0.05)
    # Independent given x: no correlation beyond 4.5 / sqrt(draws).
    assert abs(np.corrcoef(found[0].T)[2:5, 5]).max() < 4.5 / np.sqrt(times)
    assert abs(np.corrcoef(found[0].T)[:2, 2:]).max() < 4.5 / np.sqrt(times)


def test_draws_of_training_are_relaxed_and_their_largest_follow_the_probabilities() -> None:
    """Maddison et al. (2017), proposition 1: P(the largest is k) = p_k at any temperature."""
    times = 8_000
    for temperature in (0.3, 2.0):
        code = make(temperature=temperature)
        parameters = code.distribution(H[:1])
        found = numbers(code.draw(repeated(parameters, times), training=True))["latent"]
        p = probabilities(numbers(parameters)["logits"])
        for variable, place in PARTS.items():
            relaxed = found[:, place]
            np.testing.assert_allclose(relaxed.sum(1), 1, rtol=1e-5)
            assert ((relaxed > 0.02) & (relaxed < 0.98)).any(1).mean() > 0.1
            counts = np.bincount(relaxed.argmax(1), minlength=relaxed.shape[1])
            assert stats.chisquare(counts, times * p[variable][0]).pvalue > 1e-5


def test_a_relaxed_draw_of_two_categories_has_the_concrete_distribution() -> None:
    """The log-odds of a relaxed pair are logistic of scale 1 / temperature."""
    code = make(temperature=0.5)
    parameters = code.distribution(H[:1])
    found = numbers(code.draw(repeated(parameters, 8_000), training=True))["latent"]
    pair = found[:, PARTS[1]].astype("f8")
    kept = pair.min(1) > 1e-30
    odds = np.log(pair[kept, 0]) - np.log(pair[kept, 1])
    logits = numbers(parameters)["logits"][0, 3:]
    location = (logits[0] - logits[1]) / 0.5
    assert kept.mean() > 0.999
    assert stats.kstest(odds, stats.logistic(location, 1 / 0.5).cdf).pvalue > 1e-5


def test_straight_through_draws_are_discrete_with_a_gradient() -> None:
    code = make(straight_through=True)
    parameters = numbers(code.distribution(H))
    fixed = {key: ops.convert_to_tensor(parameters[key]) for key in ("mean", "log_var")}

    def drawn(logits: Any) -> Any:
        return code.draw({**fixed, "logits": logits}, training=True)["latent"]

    z = ops.convert_to_numpy(drawn(ops.convert_to_tensor(parameters["logits"])))
    np.testing.assert_allclose(np.minimum(abs(z[:, 2:]), abs(1 - z[:, 2:])), 0, atol=1e-6)
    weights = ops.convert_to_tensor(np.arange(SIZE, dtype="float32") ** 2)
    slope = gradient(lambda a: ops.sum(drawn(a) * weights), parameters["logits"])
    assert abs(slope).max() > 1e-3


def test_log_prob_is_the_sum_of_both_parts() -> None:
    code = make()
    parameters = code.distribution(H)
    found = numbers({**parameters, **code.draw(parameters)})
    normal = stats.norm.logpdf(found["latent"][:, :2], found["mean"], np.exp(found["log_var"] / 2))
    of_variables = [
        np.log((p * found["latent"][:, PARTS[i]]).sum(1))
        for i, p in enumerate(probabilities(found["logits"]))
    ]
    got = ops.convert_to_numpy(
        code.log_prob({k: ops.convert_to_tensor(v) for k, v in found.items()})
    )
    np.testing.assert_allclose(got, normal.sum(1) + sum(of_variables), rtol=1e-5)


def test_the_divergence_is_one_of_each_coordinate_and_each_variable() -> None:
    """KL to N(0, 1), and log K - entropy."""
    code = make()
    outputs = code.distribution(H)
    found = numbers(outputs)
    mean, log_var = found["mean"].astype("f8"), found["log_var"].astype("f8")
    continuous = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var)
    discrete = [
        np.log(p.shape[1]) - stats.entropy(p, axis=1) for p in probabilities(found["logits"])
    ]
    wanted = np.concatenate([continuous, np.stack(discrete, 1)], axis=1)
    got = ops.convert_to_numpy(code.kl(outputs, prior_of()))
    assert got.shape == (4, 2 + 2)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    assert {name: list(range(4))[part] for name, part in code.parts.items()} == {
        "continuous": [0, 1],
        "discrete": [2, 3],
    }


def test_the_divergence_is_the_mean_log_ratio_of_draws() -> None:
    code, prior, times = make(), prior_of(), 8_000
    parameters = repeated(code.distribution(H), times)
    outputs = {**parameters, **code.draw(parameters)}
    ratio = code.log_prob(outputs) - prior.log_prob(outputs["latent"])
    ratio = ops.convert_to_numpy(ratio).reshape(4, times)
    rates = ops.convert_to_numpy(code.kl(outputs, prior))[::times].sum(1)
    assert (abs(ratio.mean(1) - rates) < 4.5 * ratio.std(1) / np.sqrt(times)).all()
    assert prior.family in code.closed_form
    assert code.space == prior.space


def test_a_model_of_it_trains_saves_and_samples(tmp_path: Any) -> None:
    x = np.random.default_rng(1).random((20, 6)).astype("float32")
    model = keras_ae.LatentModel(
        (6,),
        bottleneck=Joint(2, CATEGORIES),
        objective=[Reconstruction(), KLDivergence()],
        prior=priors.Joint(CATEGORIES),
        hidden=[4],
    )
    model.compile("adam")
    history = model.fit(x, epochs=2, batch_size=10, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    np.testing.assert_array_equal(loaded.sample(3, seed=1), model.sample(3, seed=1))
    assert np.isfinite(model.log_prob(x, samples=50)).all()


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("latent_dim", 0),
        ("latent_dim", 1.5),
        ("categories", (3, 1)),
        ("categories", ()),
        ("categories", 10),
        ("categories", (2.5,)),
        ("temperature", 0.0),
    ],
)
def test_an_impossible_argument_is_refused(option: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"`{option}` must"):
        Joint(**{"latent_dim": 2, option: wrong})


def test_another_prior_is_refused() -> None:
    for prior in ("standard_normal", "categorical"):
        with pytest.raises(ValueError, match="Received: "):
            keras_ae.LatentModel(
                (6,),
                bottleneck=Joint(2, CATEGORIES),
                objective=[Reconstruction(), KLDivergence()],
                prior=prior,
            )
