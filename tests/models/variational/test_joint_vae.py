from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae

X = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")


def make(**options: Any) -> Any:
    return keras_ae.create("joint_vae", input_shape=(6,), latent_dim=2, hidden=[4], **options)


@pytest.mark.parametrize(
    ("categories", "wanted", "end"),
    [
        ((3, 2), 5.0, math.log(6)),
        ((10,), 5.0, math.log(10)),
        ((10, 10, 10), 5.0, 5.0),
        ((4,), 0.5, 0.5),
    ],
)
def test_the_discrete_capacity_is_no_more_than_the_variables_can_hold(
    categories: Any, wanted: float, end: float
) -> None:
    """Their divergence is sum_i log K_i at most: section 3.2. The rise has one slope, any end."""
    model = make(categories=categories, discrete_capacity=wanted, warmup_steps=10_000)
    term = next(term for term in model.objective if term.name == "discrete_capacity")
    steps = (0, 2_000, 5_000, 10_000, 10**6)
    found = [float(ops.convert_to_numpy(term.capacity(step))) for step in steps]
    rise = [min(wanted * step / 10_000, end) for step in steps]
    np.testing.assert_allclose(found, rise, rtol=1e-3)


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), "much"])
def test_an_impossible_capacity_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="`discrete_capacity` must"):
        make(discrete_capacity=wrong)


def test_the_loss_is_equation_7() -> None:
    model = make(
        categories=(3, 2),
        gamma=7.0,
        continuous_capacity=2.0,
        warmup_steps=10,
        discrete_capacity=1.5,
    )
    model.step.assign(4)
    batch = ops.convert_to_tensor(X)
    outputs = model.autoencode(model.batch(batch), training=False, sample=True)
    loss = float(ops.convert_to_numpy(model.compute_loss(batch, None, outputs, training=False)))
    mean, log_var, decoded, logits = (
        ops.convert_to_numpy(outputs[key]).astype("f8")
        for key in ("mean", "log_var", "decoded", "logits")
    )
    distortion = (0.5 * (X - decoded) ** 2 + 0.5 * np.log(2 * np.pi)).sum(1)
    continuous = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(1)
    discrete = np.log(6) + (np.exp(logits) * logits).sum(1)
    wanted = distortion + 7 * abs(continuous - 0.8) + 7 * abs(discrete - 0.4 * 1.5)
    assert loss == pytest.approx(wanted.mean(), rel=1e-5)
