"""Losses of groups beside closed forms, with contents that have the product of posteriors."""

from __future__ import annotations

import numpy as np
import pytest

import keras_ae
from tests.models.structured.closed_form import (
    Linear,
    LinearVAE,
    assert_is_vae_of_examples,
    assert_mean,
    rate,
)

RNG = np.random.default_rng(0)
TRUTH = Linear(0.7 * RNG.normal(size=(4, 5)), RNG.normal(size=5), 0.8)
BETA = 0.6


def make(group_size: int, content_dim: int | None) -> LinearVAE:
    model = keras_ae.create(
        "ml_vae",
        input_shape=(5,),
        latent_dim=4,
        content_dim=content_dim,
        group_size=group_size,
        beta=BETA,
        hidden=[],
        likelihood={"name": "gaussian", "scale": 0.8},
    )
    return LinearVAE(model, TRUTH)


def of_a_group(made: LinearVAE, x: np.ndarray, content: int, observed: np.ndarray) -> float:
    """Return the loss of a group `(members, entries)`, per member: Bouchacourt, equations 3, 4."""
    mean, log_var = made.posterior(x, observed)
    precision = np.exp(-log_var[:, :content])
    shared = (precision * mean[:, :content]).sum(0) / precision.sum(0)
    mean[:, :content], log_var[:, :content] = shared, -np.log(precision.sum(0))
    density = sum(
        TRUTH.bound(x[i : i + 1], mean[i : i + 1], log_var[i : i + 1], observed[i])[0]
        for i in range(len(x))
    )
    once = rate(shared, -np.log(precision.sum(0))).sum()
    own = rate(mean[:, content:], log_var[:, content:]).sum()
    return float((BETA * (once + own) - density) / len(x))


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize(("group_size", "content"), [(2, None), (2, 1), (3, None), (3, 3)])
def test_a_groups_loss_has_one_content_for_all_its_members(
    group_size: int, content: int | None, gaps: bool
) -> None:
    made = make(group_size, content)
    for _ in range(2):
        x = RNG.normal(size=(group_size, 5)).astype("f4")
        observed = (RNG.random(x.shape) < 0.6).astype("f4") if gaps else np.ones_like(x)
        given = {"x": x[None], **({"mask": observed[None]} if gaps else {})}
        wanted = of_a_group(made, x.astype("f8"), 2 if content is None else content, observed)
        assert_mean(made.losses(given), wanted)


def test_groups_of_a_batch_are_kept_apart() -> None:
    made = make(3, None)
    x = RNG.normal(size=(4, 3, 5)).astype("f4")
    wanted = np.mean([of_a_group(made, group.astype("f8"), 2, np.ones((3, 5))) for group in x])
    assert_mean(made.losses({"x": x}), wanted)


def test_examples_have_their_own_posteriors_scores_and_losses() -> None:
    made = make(3, None)
    assert_is_vae_of_examples(made, RNG.normal(size=(6, 5)).astype("f4"), BETA)
