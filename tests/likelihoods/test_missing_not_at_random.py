"""Rows and their gaps, beside NumPy and beside integrals over what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import integrate, stats
from scipy.special import log_expit

import keras_ae
from keras_ae.likelihoods import Gaussian, MissingNotAtRandom
from tests.gradients import weight_gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4)).astype("f4")
DECODED = RNG.normal(size=(5, 4)).astype("f4")
SEEN = (RNG.random((5, 4)) < 0.6).astype("f4")
SLOPE, THRESHOLD = RNG.normal(size=(2, 4))


def made(process: str, of: Any = "gaussian") -> Any:
    likelihood = MissingNotAtRandom(of, process, units=3)  # type: ignore[arg-type]
    likelihood.check_event((4,))
    rng = np.random.default_rng(1)
    if process.startswith("self"):
        likelihood.slope.assign(SLOPE)
        likelihood.threshold.assign(THRESHOLD)
    for layer in getattr(likelihood, "dense", []):
        layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    return likelihood


def logits(likelihood: Any, x: np.ndarray) -> np.ndarray:
    if likelihood.process == "self_masking":
        return -SLOPE * (x - THRESHOLD)
    if likelihood.process == "self_masking_known":
        return -np.log1p(np.exp(SLOPE)) * (x - THRESHOLD)
    weights = [w.astype("f8") for layer in likelihood.dense for w in layer.get_weights()]
    if likelihood.process == "nonlinear":
        x = np.tanh(x @ weights[0] + weights[1])
    return np.asarray(x @ weights[-2] + weights[-1])


def log_mass(likelihood: Any, x: np.ndarray, seen: np.ndarray) -> np.ndarray:
    f = logits(likelihood, x)
    return np.asarray((seen * log_expit(f) + (1 - seen) * log_expit(-f)).sum(1))


@pytest.mark.parametrize("process", ["self_masking", "self_masking_known", "linear", "nonlinear"])
def test_log_prob_adds_the_gaps_with_missing_entries_at_their_means(process: str) -> None:
    likelihood = made(process)
    got = likelihood.log_prob(*map(ops.convert_to_tensor, (DECODED, X * SEEN, SEEN)))
    rows = np.where(SEEN > 0, X, DECODED).astype("f8")
    wanted = (SEEN * stats.norm(DECODED).logpdf(X)).sum(1) + log_mass(likelihood, rows, SEEN)
    np.testing.assert_allclose(ops.convert_to_numpy(got), wanted, rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_where_codes_are_drawn_missing_entries_are_too(training: bool) -> None:
    likelihood = made("self_masking")
    copies = [ops.convert_to_tensor(a.repeat(4_000, 0)) for a in (DECODED, X * SEEN, SEEN)]
    density, rows = likelihood.at_a_draw(*copies, training=training)
    density, rows = (ops.convert_to_numpy(a).astype("f8") for a in (density, rows))
    seen = SEEN.repeat(4_000, 0)
    wanted = (seen * stats.norm(DECODED.repeat(4_000, 0)).logpdf(rows)).sum(1)
    wanted += log_mass(likelihood, rows, seen)
    np.testing.assert_allclose(density, wanted, rtol=1e-4, atol=1e-4)
    rows = rows.reshape(5, 4_000, 4)
    for i, j in np.argwhere(SEEN == 0):
        assert stats.kstest(rows[i, :, j], stats.norm(DECODED[i, j]).cdf).statistic < 0.035
    for i, j in np.argwhere(SEEN == 1):
        assert (rows[i, :, j] == X[i, j]).all()


def test_rows_without_gaps_are_data_too() -> None:
    likelihood = made("linear")
    got = likelihood.log_prob(ops.convert_to_tensor(DECODED), ops.convert_to_tensor(X))
    wanted = stats.norm(DECODED).logpdf(X).sum(1) + log_mass(likelihood, X, np.ones((5, 4)))
    np.testing.assert_allclose(ops.convert_to_numpy(got), wanted, rtol=1e-5)


LOADINGS, CENTRE = np.array([[1.0, -0.8]]), np.array([0.3, -0.2])
COVARIANCE = LOADINGS.T @ LOADINGS + 0.25 * np.eye(2)


def linear_model(process: str = "self_masking") -> Any:
    """X ~ N(centre, W'W + 0.25 I) of two numbers, of which large ones are missing."""
    model = keras_ae.create(
        "not_miwae",
        input_shape=(2,),
        latent_dim=1,
        hidden=[],
        process=process,
        numbers={"name": "gaussian", "scale": 0.5},
    )
    model.decoder.set_weights([LOADINGS, CENTRE])
    model.bottleneck.mean_head.set_weights([np.array([[0.4], [-0.3]]), np.zeros(1)])
    model.likelihood.slope.assign([3.0, 1.0])
    model.likelihood.threshold.assign([0.2, 0.5])
    return model


def log_seen(x: Any, column: int) -> Any:
    return log_expit(-[3.0, 1.0][column] * (x - [0.2, 0.5][column]))


def with_second_missing(first: float) -> tuple[float, float]:
    """Return log p(x_1, s = (1, 0)) and E[x_2 | x_1, s], by quadrature."""
    both = stats.multivariate_normal(CENTRE, COVARIANCE)

    def moment(power: int) -> float:
        def integrand(second: float) -> float:
            gap = np.log1p(-np.exp(log_seen(second, 1)))
            joint = both.logpdf([first, second]) + log_seen(first, 0) + gap
            return float(second**power * np.exp(joint))

        return float(integrate.quad(integrand, -12, 12, points=[0.0])[0])

    return float(np.log(moment(0))), moment(1) / moment(0)


def test_the_bound_and_the_imputation_are_those_of_the_joint_model() -> None:
    model = linear_model()
    firsts = np.array([-1.0, 0.2, 1.5])
    x = np.stack([firsts, np.full(3, np.nan)], axis=1).astype("f4")
    wanted = np.array([with_second_missing(first) for first in firsts])
    np.testing.assert_allclose(model.log_prob(x, 40_000), wanted[:, 0], atol=0.02)
    np.testing.assert_allclose(model.impute(x, 40_000)[:, 1], wanted[:, 1], atol=0.03)
    drawn = model.impute(x.repeat(300, 0), 300, imputations=4)[..., 1].reshape(4, 3, 300)
    np.testing.assert_allclose(drawn.mean((0, 2)), wanted[:, 1], atol=0.09)


def test_gaps_that_say_something_are_filled_otherwise_than_gaps_that_do_not() -> None:
    filled = linear_model().impute(np.array([[0.0, np.nan]], "f4"), 5_000)[0, 1]
    plain = keras_ae.create(
        "missing_data_iwae",
        input_shape=(2,),
        latent_dim=1,
        hidden=[],
        likelihood={"name": "gaussian", "scale": 0.5},
    )
    plain.decoder.set_weights([LOADINGS, CENTRE])
    assert filled > plain.impute(np.array([[0.0, np.nan]], "f4"), 5_000)[0, 1] + 0.1


def test_the_missing_entries_move_the_decoder() -> None:
    model = linear_model()
    batch = np.array([[np.nan, np.nan], [np.nan, np.nan]], "f4")
    x = ops.convert_to_tensor(batch)
    weights = model.decoder.trainable_variables
    gradients = weight_gradients(lambda: model.compute_loss(x, training=False), weights)
    assert all(abs(g).max() > 1e-3 for g in gradients)


def test_masses_and_unknown_processes_are_refused() -> None:
    for name in ("bernoulli", "beta", {"name": "student_t", "learned": True}):
        with pytest.raises(ValueError, match="must be a density whose draws have a gradient"):
            MissingNotAtRandom(name)
    with pytest.raises(ValueError, match="must be one of"):
        MissingNotAtRandom("gaussian", "at_random")  # type: ignore[arg-type]


def test_it_has_the_numbers_likelihoods_shapes_means_and_support() -> None:
    likelihood = MissingNotAtRandom({"name": "gaussian", "learned_variance": True})
    assert likelihood.decoded_shape((4,)) == (8,)
    decoded = ops.convert_to_tensor(RNG.normal(size=(3, 8)).astype("f4"))
    np.testing.assert_array_equal(
        ops.convert_to_numpy(likelihood.mean(decoded)),
        ops.convert_to_numpy(Gaussian(learned_variance=True).mean(decoded)),
    )
    with pytest.raises(ValueError, match="must lie in"):
        MissingNotAtRandom("continuous_bernoulli").check_support(np.array([2.0]))
