"""Sequences with a code at every step, beside NumPy, integrals over codes and closed forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logsumexp

import keras_ae
from tests.models.structured.closed_form import Linear, assert_mean, grid, hermite, host, rate

RNG = np.random.default_rng(0)
CELLS = ["lstm", "gru"]
BETA, SEED = 0.6, 17
X = RNG.normal(size=(3, 3, 2)).astype("f4")
MASK = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], "f4")


def make(steps: int = 3, **options: Any) -> Any:
    """Return a model with random weights, of which every one matters, and wide posteriors."""
    rng = np.random.default_rng(SEED)
    given: dict[str, Any] = {"latent_dim": 1, "units": 4, "hidden": [3], "beta": BETA}
    model = keras_ae.create("vrnn", input_shape=(steps, 2), **{**given, **options})
    for weight in model.trainable_variables:
        layer, _, kind = weight.path.rpartition("/")
        head = layer.endswith(("/prior", "/posterior"))
        value = rng.normal(scale=0.2 if head else 0.6, size=weight.shape)
        if kind == "bias" and value.ndim == 1:  # rectifiers that let something through
            value += 0.0 if head or layer.endswith("output") else 0.8
        if kind == "bias" and layer.endswith("/posterior"):
            value[len(value) // 2 :] = 0.7
        weight.assign(value)
    model.compile("sgd")
    return model


@dataclass
class State:
    """What a cell remembers: `(..., units)` each."""

    h: np.ndarray
    carry: np.ndarray


class Steps:
    """The paper's networks in NumPy, with a model's weights and any leading axes."""

    def __init__(self, model: Any) -> None:
        self.weights = {
            weight.path.partition("/")[2] if weight.path.startswith("recurrent") else weight.path: (
                host(weight)
            )
            for weight in model.trainable_variables
        }
        self.gru = self.weights["cell/bias"].ndim == 2
        self.units = len(self.weights["cell/recurrent_kernel"])

    def dense(self, name: str, *parts: np.ndarray, bend: bool = True) -> np.ndarray:
        """Return a layer of some inputs side by side."""
        shape = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
        wide = [np.broadcast_to(part, (*shape, part.shape[-1])) for part in parts]
        kernel, bias = self.weights[f"{name}/kernel"], self.weights[f"{name}/bias"]
        found = np.concatenate(wide, axis=-1) @ kernel + bias
        return np.maximum(found, 0.0) if bend else found

    def start(self) -> State:
        return State(np.zeros(self.units), np.zeros(self.units))

    def prior(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and log-variance, equation 5."""
        found = self.dense("prior", self.dense("prior_hidden", h), bend=False)
        mean, log_var = np.split(found, 2, axis=-1)
        return mean, log_var

    def posterior(self, x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and log-variance, equation 9."""
        hidden = self.dense("posterior_hidden", self.read(x), h)
        mean, log_var = np.split(self.dense("posterior", hidden, bend=False), 2, axis=-1)
        return mean, log_var

    def read(self, x: np.ndarray) -> np.ndarray:
        return self.dense("step_features/hidden_0", x)

    def decoded(self, z: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Return the mean of a step, equation 6."""
        hidden = self.dense("step_decoder/hidden_0", self.dense("embedding", z), h)
        return self.dense("step_decoder/output", hidden, bend=False)

    def move(self, state: State, x: np.ndarray, z: np.ndarray) -> State:
        """Return what is remembered after a step, equation 7."""
        read, embedded = self.read(x), self.dense("embedding", z)
        shape = np.broadcast_shapes(read.shape[:-1], embedded.shape[:-1], state.h.shape[:-1])
        inputs = np.concatenate(
            [np.broadcast_to(part, (*shape, part.shape[-1])) for part in (read, embedded)], axis=-1
        )
        kernel, recurrent, bias = (
            self.weights[f"cell/{name}"] for name in ("kernel", "recurrent_kernel", "bias")
        )
        if self.gru:
            new, old = inputs @ kernel + bias[0], state.h @ recurrent + bias[1]
            (a, b, c), (s, t, u) = np.split(new, 3, axis=-1), np.split(old, 3, axis=-1)
            keep, reset = expit(a + s), expit(b + t)
            return State(keep * state.h + (1 - keep) * np.tanh(c + reset * u), state.carry)
        gates = inputs @ kernel + state.h @ recurrent + bias
        i, f, c, o = np.split(gates, 4, axis=-1)
        carry = expit(f) * state.carry + expit(i) * np.tanh(c)
        return State(expit(o) * np.tanh(carry), carry)

    def spread(self, state: State) -> State:
        """Return a state with one more axis for the codes of the next step."""
        return State(state.h[..., None, :], state.carry[..., None, :])


def present(row: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the steps of a sequence that are there."""
    return row[mask > 0].astype("f8")


def along_means(steps: Steps, x: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return the codes of a sequence, each mean given those before; its density, its rate."""
    state, codes, density, total = steps.start(), [], 0.0, 0.0
    for step in x:
        (mean, log_var), (start, wide) = steps.posterior(step, state.h), steps.prior(state.h)
        total += float(rate(mean, log_var, start, wide).sum())
        codes.append((mean - start) * np.exp(-0.5 * wide))
        density += float(stats.norm(steps.decoded(mean, state.h)).logpdf(step).sum())
        state = steps.move(state, step, mean)
    return np.array(codes), density, total


def joint(steps: Steps, x: np.ndarray, points: int) -> tuple[np.ndarray, list[State], np.ndarray]:
    """Return log p(x, u) on a grid of the codes, the states behind each step, and the line."""
    u, log_prior = grid(6.5, points)
    state, total, states = steps.start(), np.zeros(()), []
    for step in x:
        (mean, log_var), wide = steps.prior(state.h), steps.spread(state)
        z = mean[..., None, :] + np.exp(0.5 * log_var)[..., None, :] * u[:, None]
        density = stats.norm(steps.decoded(z, wide.h)).logpdf(step).sum(-1)
        total = total[..., None] + density + log_prior
        state = steps.move(wide, step, z)
        states.append(state)
    return total, states, u


def expected(steps: Steps, x: np.ndarray, order: int = 24) -> tuple[float, float]:
    """Return E_q of the density and of the divergences, equation 11, by Gauss and Hermite."""
    state, weights, density, total = steps.start(), np.ones(()), 0.0, 0.0
    for step in x:
        (mean, log_var), (start, wide) = steps.posterior(step, state.h), steps.prior(state.h)
        total += float((weights * rate(mean, log_var, start, wide).sum(-1)).sum())
        nodes, each = hermite(mean[..., 0], np.exp(log_var[..., 0]), order)
        state, weights, z = steps.spread(state), weights[..., None] * each, nodes[..., None]
        found = stats.norm(steps.decoded(z, state.h)).logpdf(step).sum(-1)
        density += float((weights * found).sum())
        state = steps.move(state, step, z)
    return density, total


def given(x: np.ndarray = X, mask: np.ndarray = MASK, copies: int = 1) -> dict[str, np.ndarray]:
    """Return sequences, with large numbers where they are not there."""
    rows = np.where(mask[:, :, None] > 0, x, 30.0).astype("f4")
    return {"x": rows.repeat(copies, axis=0), "mask": mask.repeat(copies, axis=0)}


@pytest.mark.parametrize("cell", CELLS)
def test_codes_and_scores_are_those_of_the_papers_networks(cell: str) -> None:
    model = make(cell=cell)
    steps = Steps(model)
    codes, scores = model.encode(given()), model.score(given())
    for row, mask, code, score in zip(X, MASK, codes, scores, strict=True):
        wanted, density, total = along_means(steps, present(row, mask))
        np.testing.assert_allclose(code[mask > 0], wanted, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(code[mask == 0], 0.0)  # what is not there brings nothing new
        assert score == pytest.approx(total - density, rel=1e-4)


@pytest.mark.parametrize("cell", CELLS)
def test_likelihoods_are_integrals_over_the_codes_of_all_steps(cell: str) -> None:
    model = make(cell=cell)
    steps = Steps(model)
    wanted = [logsumexp(joint(steps, present(*both), 45)[0]) for both in zip(X, MASK, strict=True)]
    np.testing.assert_allclose(model.log_prob(given(), 20_000), wanted, atol=0.04)


@pytest.mark.parametrize("cell", CELLS)
def test_bounds_and_losses_are_the_papers_by_quadrature(cell: str) -> None:
    model = make(cell=cell)
    steps, copies = Steps(model), 2_000
    parts = np.array([expected(steps, present(*both)) for both in zip(X, MASK, strict=True)])
    many = given(copies=copies)
    for found in (model.elbo(many), model.log_prob(many, 1)):
        assert_mean(found.reshape(3, copies).T, parts[:, 0] - parts[:, 1])
    losses = [model.evaluate(many, batch_size=6_000, seed=s, verbose=0)[0] for s in range(8)]
    assert_mean(np.array(losses), (BETA * parts[:, 1] - parts[:, 0]).mean())


@pytest.mark.parametrize("cell", CELLS)
def test_a_step_that_is_missing_is_filled_with_what_is_expected_of_it(cell: str) -> None:
    model = make(cell=cell)
    steps = Steps(model)
    filled = model.impute(given(), 20_000)
    np.testing.assert_array_equal(filled[MASK > 0], X[MASK > 0])
    for index, missing in ((1, 1), (2, 2)):  # between others, and behind them
        log_joint, states, _ = joint(steps, present(X[index], MASK[index]), 161)
        weights = np.exp(log_joint - logsumexp(log_joint))
        before = np.broadcast_to(
            states[missing - 1].h if missing == 2 else states[0].h[:, None],
            (*weights.shape, steps.units),
        )
        mean, log_var = steps.prior(before)
        nodes, each = hermite(mean[..., 0], np.exp(log_var[..., 0]), 16)
        decoded = steps.decoded(nodes[..., None], before[..., None, :])
        wanted = np.einsum("ab,k,abkd->d", weights, each, decoded)
        np.testing.assert_allclose(filled[index, missing], wanted, atol=0.05)


@pytest.mark.parametrize("cell", CELLS)
def test_decoded_codes_remember_what_was_expected(cell: str) -> None:
    model = make(cell=cell, latent_dim=2)
    steps, codes = Steps(model), RNG.normal(size=(4, 3, 2)).astype("f4")
    decoded = model.decode(codes)
    for code, found in zip(codes.astype("f8"), decoded, strict=True):
        state = steps.start()
        for u, step in zip(code, found, strict=True):
            mean, log_var = steps.prior(state.h)
            z = mean + np.exp(0.5 * log_var) * u
            wanted = steps.decoded(z, state.h)
            np.testing.assert_allclose(step, wanted, rtol=1e-4, atol=1e-5)
            state = steps.move(state, wanted, z)
    np.testing.assert_allclose(
        model.reconstruct(X), model.decode(model.encode(X)), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("cell", CELLS)
def test_what_stands_behind_a_mask_changes_nothing(cell: str) -> None:
    model = make(cell=cell, latent_dim=2)
    rows = given()
    others = {"x": np.where(MASK[:, :, None] > 0, X, -7.0).astype("f4"), "mask": MASK}
    for method in (model.encode, model.score, model.elbo, model.reconstruct):
        np.testing.assert_allclose(method(others), method(rows), rtol=1e-5, atol=1e-6)
    found = [model.log_prob(r, 5) for r in (rows, others)]
    np.testing.assert_allclose(*found, rtol=1e-5)
    found = [model.evaluate(r, seed=3, verbose=0)[0] for r in (rows, others)]
    np.testing.assert_allclose(*found, rtol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_steps_left_out_anywhere_are_as_if_they_had_never_been(cell: str) -> None:
    long, short = make(6, cell=cell, latent_dim=2), make(4, cell=cell, latent_dim=2)
    short.set_weights(long.get_weights())
    x = RNG.normal(size=(4, 6, 2)).astype("f4")
    mask = np.array(
        [[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [1, 0, 1, 1, 0, 1], [1, 0, 0, 1, 1, 1]], "f4"
    )
    rows = given(x, mask)
    left = np.stack([row[there > 0] for row, there in zip(x, mask, strict=True)])
    np.testing.assert_allclose(long.score(rows), short.score(left), rtol=1e-5, atol=1e-5)
    codes = long.encode(rows)
    np.testing.assert_array_equal(codes[mask == 0], 0.0)
    there = codes[mask > 0].reshape(4, 4, 2)
    np.testing.assert_allclose(there, short.encode(left), rtol=1e-5, atol=1e-5)
    assert abs(long.score(x) - short.score(left)).min() > 1e-2  # they would have mattered


def rates(model: Any) -> list[float]:
    """Return the rate of each sequence at its codes, as its score counts it."""
    steps = Steps(model)
    return [
        float(score) + along_means(steps, row.astype("f8"))[1]
        for row, score in zip(X, model.score(X), strict=True)
    ]


def test_a_posterior_that_is_the_prior_has_no_rate_and_any_other_has_one() -> None:
    model = make(latent_dim=2)
    assert model.evaluate(X, verbose=0, return_dict=True)["kl"] > 1e-2
    assert min(rates(model)) > 1e-3
    paths = {weight.path: weight for weight in model.trainable_variables}
    code = "recurrent_gaussian"
    kernel = host(paths[f"{code}/prior_hidden/kernel"])
    unseen = len(host(paths[f"{code}/posterior_hidden/kernel"])) - len(kernel)
    paths[f"{code}/posterior_hidden/kernel"].assign(
        np.concatenate([np.zeros((unseen, kernel.shape[1])), kernel])
    )
    paths[f"{code}/posterior_hidden/bias"].assign(host(paths[f"{code}/prior_hidden/bias"]))
    for name in ("kernel", "bias"):
        paths[f"{code}/posterior/{name}"].assign(host(paths[f"{code}/prior/{name}"]))
    found = model.evaluate(X, verbose=0, return_dict=True)
    assert abs(found["kl"]) < 1e-6
    assert found["loss"] == pytest.approx(found["reconstruction"], rel=1e-6)
    np.testing.assert_allclose(model.encode(X), 0.0, atol=1e-6)


def test_a_condition_moves_the_biases_of_every_step() -> None:
    told, plain = make(latent_dim=2, condition=(2,)), make(latent_dim=2)
    condition = np.array([0.7, -1.2])
    weights = {weight.path: host(weight) for weight in told.trainable_variables}
    layers = ["recurrent_gaussian/prior_hidden", "recurrent_gaussian/posterior_hidden"]
    for layer in [*layers, "step_features/hidden_0", "step_decoder/hidden_0"]:
        kernel, columns = np.split(weights[f"{layer}/kernel"], [-2])
        weights[f"{layer}/kernel"] = kernel
        weights[f"{layer}/bias"] += condition @ columns
    for weight in plain.trainable_variables:
        weight.assign(weights[weight.path])
    rows, told_too = given(), np.tile(condition, (3, 1)).astype("f4")
    both = {**rows, "condition": told_too}
    np.testing.assert_allclose(told.encode(both), plain.encode(rows), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(told.score(both), plain.score(rows), rtol=1e-4)
    codes = RNG.normal(size=(3, 3, 2)).astype("f4")
    decoded = told.decode(codes, condition=told_too)
    np.testing.assert_allclose(decoded, plain.decode(codes), rtol=1e-4, atol=1e-5)


def test_the_density_is_that_of_the_steps_before_they_were_scaled() -> None:
    scaled, plain = make(normalize="standard"), make()
    scaled.adapt(X * 3.0 + 1.0)
    offset, scale = host(scaled.normalizer.offset), host(scaled.normalizer.scale)
    rows = {"x": (X * scale + offset).astype("f4"), "mask": MASK}
    width = np.log(np.broadcast_to(scale, X.shape)).sum(2)
    wanted = plain.log_prob(given(), 6) - (width * MASK).sum(1)
    np.testing.assert_allclose(scaled.log_prob(rows, 6), wanted, rtol=1e-4)
    assert abs(width).min() > 0.1
    codes = plain.encode(given())
    np.testing.assert_allclose(scaled.encode(rows), codes, rtol=1e-4, atol=1e-5)
    decoded = plain.decode(codes) * scale + offset
    np.testing.assert_allclose(scaled.decode(codes), decoded, rtol=1e-4, atol=1e-4)


TRUTH = Linear(np.array([[1.0, 0.5, -0.4], [0.4, -0.8, 0.0]]), np.array([0.3, -0.2, 0.6]), 0.5)
START, WIDTH = np.array([0.5, -0.3]), np.array([1.4, 0.8])


def forgetful(cell: str) -> tuple[Any, Linear]:
    """Return a model that remembers nothing and knows the posterior, and its steps' marginal.

    z ~ N(START, diag WIDTH^2), x = z loadings + centre + noise. A number a passes a layer of
    rectifiers as max(a, 0) and max(-a, 0).
    """
    model = keras_ae.create(
        "vrnn",
        input_shape=(4, 3),
        latent_dim=2,
        units=4,
        cell=cell,
        hidden=[6],
        likelihood={"name": "gaussian", "scale": 0.5},
    )
    for weight in model.trainable_variables:
        weight.assign(np.zeros(weight.shape))
    step = Linear(TRUTH.loadings * WIDTH[:, None], TRUTH.centre + START @ TRUTH.loadings, 0.5)
    gain, bias, covariance = step.posterior(np.ones(3))
    assert abs(covariance[0, 1]) < 1e-12
    both, none = np.concatenate([np.eye(3), -np.eye(3)]), np.zeros((4, 6))
    code = "recurrent_gaussian"
    known = {
        f"{code}/prior/bias": np.concatenate([START, 2 * np.log(WIDTH)]),
        "step_features/hidden_0/kernel": both.T,
        f"{code}/posterior_hidden/kernel": np.concatenate([np.eye(6), none]),
        f"{code}/posterior/kernel": np.concatenate([both @ gain * WIDTH, np.zeros((6, 2))], axis=1),
        f"{code}/posterior/bias": np.concatenate(
            [START + bias * WIDTH, np.log(WIDTH**2 * np.diag(covariance))]
        ),
        f"{code}/embedding/kernel": np.eye(2, 6) - np.eye(2, 6, 2),
        "step_decoder/hidden_0/kernel": np.concatenate([np.eye(6), none]),
        "step_decoder/output/kernel": np.concatenate(
            [TRUTH.loadings, -TRUTH.loadings, np.zeros((2, 3))]
        ),
        "step_decoder/output/bias": TRUTH.centre,
    }
    paths = {weight.path: weight for weight in model.trainable_variables}
    for path, value in known.items():
        paths[path].assign(value)
    model.compile("sgd")
    return model, step


@pytest.mark.parametrize("cell", CELLS)
def test_without_memory_a_sequence_is_its_steps_one_by_one(cell: str) -> None:
    model, step = forgetful(cell)
    x = RNG.normal(size=(5, 4, 3)).astype("f4")
    mask = np.ones((5, 4), "f4")
    mask[1, 2:] = mask[2, 1] = mask[3, [0, 3]] = mask[4] = 0.0
    each = step.log_prob(x.reshape(-1, 3), np.ones(3)).reshape(5, 4)
    np.testing.assert_allclose(model.log_prob(x, 1), each.sum(1), rtol=1e-4)
    wanted = (each * mask).sum(1)
    np.testing.assert_allclose(model.log_prob(given(x, mask), 1), wanted, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model.log_prob(given(x, mask), 7), wanted, rtol=1e-4, atol=1e-4)
    gain, bias, covariance = step.posterior(np.ones(3))
    np.testing.assert_allclose(model.encode(x), x @ gain + bias, rtol=1e-4, atol=1e-4)
    log_var = np.broadcast_to(np.log(np.diag(covariance)), (5, 4, 2))
    bound = step.bound(x.reshape(-1, 3), (x @ gain + bias).reshape(-1, 2), log_var.reshape(-1, 2))
    density, total = bound.reshape(5, 4), rate(x @ gain + bias, log_var).sum(-1)
    np.testing.assert_allclose(density - total, each, atol=1e-6)  # the bound is tight
    score = model.score(given(x, mask))
    noise = np.exp(log_var) @ (step.loadings**2).sum(1) / (2 * step.scale**2)
    np.testing.assert_allclose(score, ((total - density - noise) * mask).sum(1), rtol=1e-4)
