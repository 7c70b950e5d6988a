"""Posteriors of one step after another, in units of their own priors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.bottlenecks import RecurrentGaussian
from keras_ae.priors import StandardNormal

RNG = np.random.default_rng(0)


def features(present: Any = 1.0, rows: int = 3) -> np.ndarray:
    """Four steps of three numbers, of a condition of two, and of whether they are there."""
    found = RNG.normal(size=(rows, 4, 6)).astype("f4")
    found[..., 3:5] = found[:, :1, 3:5]
    found[..., 5] = present
    return found


def made(cell: Any = "lstm") -> RecurrentGaussian:
    code = RecurrentGaussian(2, units=5, hidden=4, cell=cell, condition_size=2)
    code.build((None, 4, 6))
    for weight in code.trainable_weights:
        weight.assign(RNG.normal(size=weight.shape) * 0.7)
    return code


def numbers(outputs: Any) -> dict[str, np.ndarray]:
    return {key: ops.convert_to_numpy(value).astype("f8") for key, value in outputs.items()}


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_code_is_the_draw_in_units_of_the_steps_prior(cell: str) -> None:
    code, h = made(cell), features()
    outputs = code(h, sample=True)
    found = numbers(outputs)
    told = ops.convert_to_tensor(h[:, :, 3:5])
    rate = 0.0
    log_ratio = 0.0
    for t in range(4):
        memory = outputs["memory"][:, t]
        mean, log_var = (
            ops.convert_to_numpy(p).astype("f8") for p in code.prior([memory], told[:, t])
        )
        given = code.told(ops.convert_to_tensor(h[:, t]))
        q_mean, q_log_var = (
            ops.convert_to_numpy(p).astype("f8") for p in code._posterior([memory], given)
        )
        z = found["z"][:, t]
        scale, q_scale = np.exp(log_var / 2), np.exp(q_log_var / 2)
        np.testing.assert_allclose(z, mean + scale * found["latent"][:, t], rtol=1e-4, atol=1e-5)
        rate += (
            np.log(scale / q_scale) + (q_scale**2 + (q_mean - mean) ** 2) / (2 * scale**2) - 0.5
        ).sum(1)
        ratio = stats.norm(q_mean, q_scale).logpdf(z) - stats.norm(mean, scale).logpdf(z)
        log_ratio += ratio.sum(1)
    prior = StandardNormal()
    got = ops.convert_to_numpy(code.kl(outputs, prior)).sum((1, 2))
    np.testing.assert_allclose(got, rate, rtol=1e-4)
    density = code.log_prob(outputs) - prior.log_prob(outputs["latent"])
    np.testing.assert_allclose(ops.convert_to_numpy(density), log_ratio, rtol=1e-3, atol=1e-3)


def test_a_step_that_is_not_there_is_drawn_from_its_prior_and_forgotten() -> None:
    code, there = made(), np.array([1, 0, 1, 0])
    h = features(there)
    found = numbers(code(h, sample=True))
    for t in (1, 3):
        np.testing.assert_array_equal(found["mean"][:, t], np.zeros((3, 2)))
        np.testing.assert_array_equal(found["log_var"][:, t], np.zeros((3, 2)))
    np.testing.assert_array_equal(found["memory"][:, 2], found["memory"][:, 1])
    assert abs(found["memory"][:, 3] - found["memory"][:, 2]).max() > 1e-3
    kl = ops.convert_to_numpy(code.kl(code(h, sample=True), StandardNormal()))
    assert (kl[:, [1, 3]] == 0).all()
    assert (kl[:, [0, 2]] > 0).all()


def test_the_code_is_the_draw_without_noise() -> None:
    found = numbers(made()(features(), sample=False))
    np.testing.assert_array_equal(found["latent"], found["mean"])


def test_a_step_sees_nothing_of_what_comes_after() -> None:
    code, h = made(), features()
    later = h.copy()
    later[:, 2:, :3] += 1.0
    one, other = (numbers(code(x)) for x in (h, later))
    np.testing.assert_allclose(one["mean"][:, :2], other["mean"][:, :2], rtol=1e-6)
    assert abs(one["mean"][:, 2] - other["mean"][:, 2]).min() > 1e-4


def test_an_unknown_cell_is_refused() -> None:
    with pytest.raises(ValueError, match="`cell` must be 'lstm' or 'gru'. Received: cell='rnn'"):
        RecurrentGaussian(2, cell="rnn")  # type: ignore[arg-type]
