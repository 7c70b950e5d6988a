"""Bounds with and without labels, beside sums over classes of integrals and of closed forms."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import expit, log_expit, log_softmax, logsumexp, softmax

import keras_ae
from tests.models.structured.closed_form import Linear, assert_mean, hermite, rate

RNG = np.random.default_rng(0)
CLASSES, WEIGHT = 3, 0.4
KINDS = np.eye(CLASSES)
LOADINGS = np.array([[0.6, 0.3, 0.5, -0.4, 0.0], [0.2, -0.4, 0.0, 0.0, 0.7]])
CENTRES = RNG.normal(size=(CLASSES, 5))
TRUTHS = [Linear(LOADINGS, centre, 0.8) for centre in CENTRES]
X = RNG.normal(size=(4, 5)).astype("f4")
# A fifth of the rows that train has labels, so that the classifier's loss weighs five times more.
TRAINED = np.array([0, -1, -1, -1, -1, 2, -1, -1, -1, -1], "int32")


def make(**options: Any) -> Any:
    given: dict[str, Any] = {"input_shape": (5,), "latent_dim": 2, "hidden": []}
    model = keras_ae.create(
        "semi_supervised_vae",
        condition={"name": "label", "categories": CLASSES},
        classification=WEIGHT,
        classifier_hidden=[],
        **{**given, **options},
    )
    model.compile(keras.optimizers.SGD(0.0))
    rows = {"x": np.zeros((10, 5), "f4"), "condition": TRAINED}
    model.fit(rows, verbose=0)  # measures the share of labels, and moves nothing
    return model


def classify(model: Any, kernel: np.ndarray, bias: np.ndarray) -> None:
    """Give the classifier its weights."""
    for weight in model.weights:
        if "logits" in weight.path:
            weight.assign(kernel if weight.path.endswith("kernel") else bias)


def known() -> Any:
    """Return x given y normal around a centre of y, its true posteriors, and Bayes' classifier."""
    model = make(likelihood={"name": "gaussian", "scale": 0.8})
    model.decoder.set_weights([np.concatenate([LOADINGS, CENTRES]), np.zeros(5)])
    kernel, _, covariance = TRUTHS[0].posterior(np.ones(5))
    assert abs(covariance[0, 1]) < 1e-12
    heads = model.bottleneck.mean_head, model.bottleneck.log_var_head
    heads[0].set_weights([np.concatenate([kernel, -CENTRES @ kernel]), np.zeros(2)])
    heads[1].set_weights([np.zeros((8, 2)), np.log(np.diag(covariance))])
    towards = np.linalg.solve(TRUTHS[0].covariance, CENTRES.T)
    classify(model, towards, -0.5 * (CENTRES.T * towards).sum(0))
    return model


def joint() -> np.ndarray:
    """Return log p(x, y) `(rows, classes)` under the model that is known."""
    each = [truth.log_prob(X, np.ones(5)) for truth in TRUTHS]
    return np.stack(each, axis=1) - np.log(CLASSES)


def losses(model: Any, given: dict[str, Any], seeds: int = 12) -> np.ndarray:
    """Return the loss of one row under fresh noise, `(seeds,)`."""
    many = {key: value.repeat(1_000, axis=0) for key, value in given.items()}
    found = [model.evaluate(many, batch_size=1_000, seed=s, verbose=0)[0] for s in range(seeds)]
    return np.array(found)


def row(index: int, label: int) -> dict[str, np.ndarray]:
    return {"x": X[index : index + 1], "condition": np.array([label], "int32")}


def test_class_probabilities_are_the_classifiers_and_bayes_where_that_is_right() -> None:
    model = known()
    got = model.class_probabilities(X)
    np.testing.assert_allclose(got.sum(1), 1.0, rtol=1e-6)
    wanted = np.exp(joint() - logsumexp(joint(), axis=1, keepdims=True))
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)
    kernel, bias = RNG.normal(size=(5, CLASSES)), RNG.normal(size=CLASSES)
    classify(model, kernel, bias)
    for given in (X, {"x": X, "condition": np.array([0, 1, 2, -1], "int32")}):
        got = model.class_probabilities(given)
        np.testing.assert_allclose(got, softmax(X @ kernel + bias, axis=1), rtol=1e-5)


def test_a_labelled_rows_loss_is_that_of_x_and_y_and_the_classifiers() -> None:
    model = known()
    log_q = np.log(model.class_probabilities(X).astype("f8"))
    for index in range(2):
        for label in range(CLASSES):
            wanted = -joint()[index, label] - WEIGHT / 0.2 * log_q[index, label]
            assert_mean(losses(model, row(index, label)), wanted)


def test_an_unlabelled_rows_loss_is_that_of_x_where_all_posteriors_are_true() -> None:
    model = known()
    for index in range(4):
        assert_mean(losses(model, row(index, -1)), -logsumexp(joint()[index]))


def test_the_bound_given_a_label_is_the_density_of_its_class() -> None:
    model = known()
    for label, truth in enumerate(TRUTHS):
        given = {"x": X, "condition": np.full(4, label, "int32")}
        wanted = truth.log_prob(X, np.ones(5))
        np.testing.assert_allclose(model.log_prob(given, 1), wanted, rtol=1e-4, atol=1e-4)


def test_the_bound_without_a_label_is_the_density_of_all_classes() -> None:
    model, none = known(), {"x": X, "condition": np.full(4, -1, "int32")}
    wanted = logsumexp(joint(), axis=1)
    np.testing.assert_allclose(model.log_prob(none, 1), wanted, rtol=1e-4, atol=1e-4)
    labels = np.array([-1, 2, -1, 0], "int32")
    each = np.array([truth.log_prob(X, np.ones(5)) for truth in TRUTHS])
    mixed = np.where(labels < 0, wanted, each[np.maximum(labels, 0), np.arange(4)])
    found = model.log_prob({"x": X, "condition": labels}, 3)
    np.testing.assert_allclose(found, mixed, rtol=1e-4, atol=1e-4)


class Bits:
    """Five bits of a code of one number and a class, with any weights."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.model = make(latent_dim=1, likelihood="bernoulli")
        self.mean, self.log_var = rng.normal(scale=0.6, size=(2, 9, 1))
        self.output, self.logits = rng.normal(size=(5, 5)), rng.normal(size=(6, CLASSES))
        heads = self.model.bottleneck.mean_head, self.model.bottleneck.log_var_head
        for head, weights in zip(heads, (self.mean, self.log_var), strict=True):
            head.set_weights([weights[:8], weights[8]])
        self.model.decoder.set_weights([self.output[:4], self.output[4]])
        classify(self.model, self.logits[:5], self.logits[5])

    def of_a_class(self, x: np.ndarray, seen: np.ndarray, label: int) -> float:
        """Return L(x, y), equation 6, with the integral over z as a sum."""
        given = np.concatenate([x * seen, KINDS[label], [1.0]])
        mean, log_var = float(given @ self.mean[:, 0]), float(given @ self.log_var[:, 0])
        z, weights = hermite(mean, np.exp(log_var))
        decoded = z[:, None] * self.output[0] + self.output[1 + label] + self.output[4]
        density = (seen * log_expit(np.where(x > 0, decoded, -decoded))).sum(1)
        return float(rate(mean, log_var) - weights @ density + np.log(CLASSES))

    def wanted(self, x: np.ndarray, seen: np.ndarray, label: int) -> float:
        """Return a labelled row's part of equation 9, or equation 7."""
        log_q = log_softmax((x * seen) @ self.logits[:5] + self.logits[5])
        if label >= 0:
            return self.of_a_class(x, seen, label) - WEIGHT / 0.2 * float(log_q[label])
        each = np.array([self.of_a_class(x, seen, c) for c in range(CLASSES)])
        return float((np.exp(log_q) * (each + log_q)).sum())


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("label", [-1, 0, 2])
def test_bounds_of_any_weights_are_sums_over_classes_of_integrals(label: int, gaps: bool) -> None:
    bits = Bits()
    seen = np.array([1.0, 0.0, 1.0, 1.0, 0.0]) if gaps else np.ones(5)
    for x in (np.array([1.0, 0.0, 1.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0, 1.0, 1.0])):
        given = {"x": x[None].astype("f4"), "condition": np.array([label], "int32")}
        if gaps:
            given["mask"] = seen[None].astype("f4")
        assert_mean(losses(bits.model, given), bits.wanted(x, seen, label))


def test_a_batch_of_both_kinds_has_the_mean_of_its_rows() -> None:
    bits = Bits()
    x = (RNG.random((4, 5)) < 0.5).astype("f4")
    labels = np.array([2, -1, 0, -1], "int32")
    many = {"x": np.tile(x, (1_000, 1)), "condition": np.tile(labels, 1_000)}
    found = [
        bits.model.evaluate(many, batch_size=4_000, seed=seed, verbose=0)[0] for seed in range(12)
    ]
    each = [bits.wanted(r, np.ones(5), label) for r, label in zip(x, labels, strict=True)]
    assert_mean(np.array(found), np.mean(each))


def test_a_codes_reconstruction_is_told_the_label() -> None:
    bits = Bits()
    x = (RNG.random((4, 5)) < 0.5).astype("f4")
    for label in range(CLASSES):
        given = {"x": x, "condition": np.full(4, label, "int32")}
        inputs = np.concatenate([x, np.tile(KINDS[label], (4, 1)), np.ones((4, 1))], axis=1)
        mean = inputs @ bits.mean
        np.testing.assert_allclose(bits.model.encode(given), mean, rtol=1e-4, atol=1e-5)
        decoded = mean * bits.output[0] + bits.output[1 + label] + bits.output[4]
        np.testing.assert_allclose(bits.model.reconstruct(given), expit(decoded), rtol=1e-4)
