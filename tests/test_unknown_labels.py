"""Bounds of rows whose label nobody knows."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import logsumexp

import keras_ae

RNG = np.random.default_rng(0)
X = RNG.random((9, 6)).round().astype("f4")
LABELS = np.array([0, -1, 2, -1, -1, 1, 0, -1, 2], "int32")
KNOWN = LABELS >= 0


@pytest.fixture(scope="module")
def model() -> Any:
    keras.utils.set_random_seed(0)
    made = keras_ae.create(
        "semi_supervised_vae",
        input_shape=(6,),
        latent_dim=1,
        hidden=[5],
        classifier_hidden=[4],
        likelihood="bernoulli",
        condition={"name": "label", "categories": 3},
    )
    for weight in made.trainable_weights:
        weight.assign(RNG.normal(size=weight.shape) * 0.25)
    return made


def exact(model: Any, label: int) -> np.ndarray:
    """Log p(x | y) by the trapezoidal rule over the code."""
    z = np.linspace(-8, 8, 801)
    p = np.asarray(model.decode(z[:, None].astype("f4"), condition=label), "f8")
    density = X @ np.log(p).T + (1 - X) @ np.log1p(-p).T
    prior = -0.5 * z**2 - 0.5 * np.log(2 * np.pi) + np.log(z[1] - z[0])
    return np.asarray(logsumexp(density + prior, axis=1))


def test_log_prob_is_of_the_row_over_all_labels(model: Any) -> None:
    of_each = np.stack([exact(model, k) for k in range(3)])
    wanted = np.where(
        KNOWN, of_each[np.maximum(LABELS, 0), range(9)], logsumexp(of_each, axis=0) - np.log(3)
    )
    got = model.log_prob({"x": X, "condition": LABELS}, 4_000)
    np.testing.assert_allclose(got, wanted, atol=0.02)


def test_the_elbo_mixes_those_of_the_labels_by_what_the_classifier_says(model: Any) -> None:
    q = model.class_probabilities(X)
    bounds = []
    for k in range(3):
        told = np.where(KNOWN, LABELS, k).astype("int32")
        bounds.append(model.elbo({"x": X, "condition": told}, 4_000))
    found = np.stack(bounds, axis=1)
    mixed = (q * (found - np.log(q))).sum(1) - np.log(3)
    got = model.elbo({"x": X, "condition": LABELS}, 4_000)
    np.testing.assert_allclose(got, np.where(KNOWN, found[:, 0], mixed), atol=0.02)
    assert (got <= model.log_prob({"x": X, "condition": LABELS}, 4_000) + 0.02).all()


def test_the_loss_of_rows_without_a_label_is_the_negative_elbo(model: Any) -> None:
    model.compile("adam")
    model.objective[0].measure(LABELS)
    rows = {"x": X[~KNOWN], "condition": LABELS[~KNOWN]}
    loss = model.evaluate(rows, samples=400, verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(-model.elbo(rows, 4_000).mean(), abs=0.02)


def test_bits_are_those_of_the_same_bound(model: Any) -> None:
    rows = {"x": X, "condition": LABELS}
    np.testing.assert_allclose(
        model.bits_per_dim(rows, 50), -model.log_prob(rows, 50) / 6 / np.log(2), rtol=1e-6
    )


def test_parts_of_the_elbo_need_labels(model: Any) -> None:
    with pytest.raises(ValueError, match="decomposing needs rows whose labels are known"):
        model.decompose({"x": X, "condition": LABELS})
    assert np.isfinite(model.decompose({"x": X[KNOWN], "condition": LABELS[KNOWN]}).elbo)
