"""Drawn codes beside SciPy's distributions and closed forms."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats
from scipy.special import log_softmax, logsumexp, softmax

from keras_ae.bottlenecks import Cooling, GumbelQuantizer, StochasticQuantizer
from tests.bottlenecks.quantizers import oracles
from tests.bottlenecks.quantizers.cases import called, features
from tests.gradients import gradient, weight_gradients

LOGITS = np.array([0.5, -0.7, 0.9], "f4")
SAME = np.tile(LOGITS, (40, 100, 1))
H = features(6, 5, 4)
RNG = np.random.default_rng(2)


def gumbel(h: np.ndarray = SAME, codes: np.ndarray | None = None, **options: Any) -> Any:
    """Return one with such codes, by default unit vectors: a code is its own weights."""
    codes = np.eye(h.shape[-1]) if codes is None else codes
    made = GumbelQuantizer(*codes.shape, **options)
    made.build((None, *h.shape[1:]))
    made.codebook.assign(codes.astype("f4"))
    return made


def stochastic(variance: float = 0.5, **options: Any) -> tuple[Any, np.ndarray]:
    """Return one for vectors like H, and its codes."""
    codes = RNG.normal(size=(8, 4)).astype("f4")
    made = StochasticQuantizer(8, 4, variance=variance, **options)
    made.build((None, *H.shape[1:]))
    made.codebook.assign(codes)
    return made, codes


def log_q(h: np.ndarray, codes: np.ndarray, variance: float) -> np.ndarray:
    """Return log q(k | z) = -|z - e_k|^2 / 2 s^2 - log sum."""
    return np.asarray(log_softmax(-oracles.distances(h, codes) / (2 * variance), axis=-1))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_codes_in_training_are_means_weighted_by_a_relaxed_draw(temperature: float) -> None:
    """Jang et al. (2017), equation 2; a difference of two Gumbel numbers is logistic."""
    y = called(gumbel(temperature=temperature), SAME, training=True, sample=True)["latent"]
    y = y.reshape(-1, 3).astype("f8")
    np.testing.assert_allclose(y.sum(1), 1, rtol=1e-5)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        law = stats.logistic((LOGITS[i] - LOGITS[j]) / temperature, 1 / temperature)
        assert stats.kstest(np.log(y[:, i] / y[:, j]), law.cdf).pvalue > 1e-4


def assert_drawn(indices: np.ndarray, shares: np.ndarray) -> None:
    """Check that indices, as many as there are, have been drawn with such shares."""
    seen = np.bincount(indices.ravel(), minlength=len(shares))
    assert stats.chisquare(seen, indices.size * shares).pvalue > 1e-4


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_draws_are_as_frequent_as_the_softmax_says(training: bool, temperature: float) -> None:
    """The largest of logits with Gumbel noise is a draw, whatever the temperature."""
    made = gumbel(temperature=temperature)
    outputs = called(made, SAME, training=training, sample=True)
    assert_drawn(outputs["indices"], softmax(LOGITS.astype("f8")))
    if not training:
        np.testing.assert_array_equal(outputs["latent"], np.eye(3)[outputs["indices"]])
    assert not np.array_equal(
        called(made, SAME, training=training, sample=True)["indices"], outputs["indices"]
    )


def test_vectors_are_drawn_by_their_distance() -> None:
    """Takida et al. (2022): q(k | z) in proportion to exp(-|z - e_k|^2 / 2 s^2)."""
    made, codes = stochastic(variance=2.0)
    h = np.broadcast_to(H[:1, :1], (400, 5, 4)).copy()
    outputs = called(made, h, sample=True)
    assert_drawn(outputs["indices"], np.exp(log_q(H[0, 0], codes, 2.0)))
    np.testing.assert_array_equal(outputs["latent"], codes[outputs["indices"]])


def test_without_a_draw_the_likeliest_code_is_taken() -> None:
    outputs = called(gumbel(H), H)
    np.testing.assert_array_equal(outputs["indices"], H.argmax(-1))
    made, codes = stochastic()
    outputs = called(made, H)
    np.testing.assert_array_equal(outputs["indices"], oracles.nearest(H, codes))
    np.testing.assert_array_equal(outputs["latent"], codes[outputs["indices"]])


def test_a_code_in_training_is_a_single_one_if_asked() -> None:
    made = gumbel(straight_through=True, temperature=0.7)
    outputs = called(made, SAME, training=True, sample=True)
    np.testing.assert_array_equal(outputs["latent"], np.eye(3)[outputs["indices"]])
    assert_drawn(outputs["indices"], softmax(LOGITS.astype("f8")))


@pytest.mark.parametrize("straight_through", [False, True])
def test_a_drawn_code_has_the_gradient_of_a_softmax(straight_through: bool) -> None:
    """For y = softmax((logits + g) / T): dy_i / dlogit_j = y_i (delta_ij - y_j) / T."""
    h, weights = features(30, 1, 6), features(30, 1, 6, seed=1)
    keras.utils.set_random_seed(3)
    relaxed = called(gumbel(h, temperature=0.7), h, training=True, sample=True)["latent"]
    y = relaxed.astype("f8")
    keras.utils.set_random_seed(3)
    made = gumbel(h, temperature=0.7, straight_through=straight_through)

    def cost(x: Any) -> Any:
        return ops.sum(ops.multiply(made(x, training=True, sample=True)["latent"], weights))

    expected = y * (weights - (weights * y).sum(-1, keepdims=True)) / 0.7
    np.testing.assert_allclose(gradient(cost, h), expected, rtol=1e-3, atol=1e-5)


def test_codes_in_training_move_by_their_weights() -> None:
    h, codes = features(30, 1, 6), RNG.normal(size=(6, 3))
    keras.utils.set_random_seed(3)
    y = called(gumbel(h), h, training=True, sample=True)["latent"].reshape(30, 6)
    keras.utils.set_random_seed(3)
    made, weights = gumbel(h, codes), features(30, 1, 3, seed=1)
    (pull,) = weight_gradients(
        lambda: ops.sum(ops.multiply(made(h, training=True, sample=True)["latent"], weights)),
        [made.codebook],
    )
    np.testing.assert_allclose(pull, y.T @ weights[:, 0], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_the_loss_of_logits_is_the_divergence_from_uniform(weight: float) -> None:
    h = 2 * H
    q = softmax(h.astype("f8"), axis=-1)
    expected = weight * (math.log(4) - stats.entropy(q, axis=-1)).sum(1)
    for temperature in (0.5, 2.0):
        made = gumbel(h, weight=weight, temperature=temperature)
        np.testing.assert_allclose(called(made, h)["loss"], expected, rtol=1e-4)
        np.testing.assert_allclose(
            called(made, h, training=True, sample=True)["loss"], expected, rtol=1e-4
        )


@pytest.mark.parametrize("size", [0.0, 30.0, 1e4])
def test_the_divergence_of_certain_or_even_logits_is_finite(size: float) -> None:
    h = np.zeros((1, 5, 4), "f4")
    h[..., 2] = size
    made = gumbel(h)
    expected = 5 * (math.log(4) if size else 0.0)
    np.testing.assert_allclose(called(made, h)["loss"], expected, atol=1e-4)
    assert np.isfinite(gradient(lambda x: ops.sum(made(x)["loss"]), h)).all()


@pytest.mark.parametrize("variance", [0.01, 0.5, 20.0])
def test_the_loss_of_vectors_is_the_rate(variance: float) -> None:
    """E_q |z - e|^2 / 2 s^2 - H(q) + log K = log K - log sum_k exp(-|z - e_k|^2 / 2 s^2)."""
    made, codes = stochastic(variance, weight=0.4)
    apart = oracles.distances(H, codes) / (2 * variance)
    log = log_q(H, codes, variance)
    expected = (np.exp(log) * (apart + log)).sum(-1) + math.log(8)
    np.testing.assert_allclose(expected, math.log(8) - logsumexp(-apart, axis=-1), rtol=1e-6)
    np.testing.assert_allclose(called(made, H)["loss"], 0.4 * expected.sum(1), rtol=1e-4)


def test_the_rate_moves_vectors_codes_and_the_variance() -> None:
    variance = 0.5
    made, codes = stochastic(variance)
    q = np.exp(log_q(H, codes, variance))
    apart = H[..., None, :].astype("f8") - codes
    slope = gradient(lambda x: ops.sum(made(x)["loss"]), H)
    expected = (q[..., None] * apart).sum(-2) / variance
    np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-4)
    held = [made.codebook, made.log_variance]
    of_codes, of_variance = weight_gradients(lambda: ops.sum(made(H)["loss"]), held)
    np.testing.assert_allclose(
        of_codes, -(q[..., None] * apart).sum((0, 1)) / variance, rtol=1e-3, atol=1e-3
    )
    exact = -(q * (apart**2).sum(-1)).sum() / (2 * variance)  # d / d log s^2
    assert float(of_variance) == pytest.approx(exact, rel=1e-3)


def test_the_variance_starts_as_it_is_given_or_at_the_error_of_the_start() -> None:
    made, _ = stochastic(0.3)
    assert math.exp(float(ops.convert_to_numpy(made.log_variance))) == pytest.approx(0.3, rel=1e-5)
    centres = 3 * RNG.normal(size=(8, 4))
    points = np.repeat(centres, 100, axis=0) + 0.1 * RNG.normal(size=(800, 4))
    made.adapt(points.astype("f4"))
    codes = ops.convert_to_numpy(made.codebook)
    assert oracles.distances(centres, codes).min(-1).max() < 0.05
    mean = oracles.distances(points, codes).min(-1).mean()
    variance = math.exp(float(ops.convert_to_numpy(made.log_variance)))
    assert variance in (pytest.approx(mean, rel=0.02), pytest.approx(mean / 4, rel=0.02))


def test_a_schedule_cools_the_draws_of_training() -> None:
    made = gumbel(temperature=Cooling(2, start=5.0, end=0.05))
    sharp = [called(made, SAME, training=True, sample=True)["latent"].max(-1) for _ in range(4)]
    means = [float(s.mean()) for s in sharp]
    assert means[0] < 0.6
    assert means[-1] > 0.95


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        (GumbelQuantizer, {"num_codes": 1}),
        (GumbelQuantizer, {"temperature": 0.0}),
        (GumbelQuantizer, {"weight": -1.0}),
        (StochasticQuantizer, {"variance": 0.0}),
    ],
)
def test_impossible_arguments_are_refused(kind: Any, option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(option))}` must"):
        kind(**{"num_codes": 8, "code_dim": 2, **option})
