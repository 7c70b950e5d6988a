"""One training step of a game by plain gradients, beside what its paper has each network do.

The paper's losses are formulas of the model's networks, one for each network, which are derived by
the weights of that network alone. Noise stands still, so that the formulas see what the step drew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

import keras_ae
from keras_ae.distributions.noise import Noise
from tests.gradients import gradient, weight_gradients

ROWS, SIZE, LATENT = 8, 6, 2
X = (1 / (1 + np.exp(-np.random.default_rng(0).normal(size=(ROWS, SIZE))))).astype("float32")
NORMAL = {
    width: np.random.default_rng(width).normal(size=(ROWS, width)).astype("float32")
    for width in range(1, 9)
}
UNIFORM = {
    width: np.random.default_rng(99 + width).random((ROWS, width)).astype("float32")
    for width in range(1, 9)
}

Losses = dict[str, Callable[[], Any]]
"""By the name of a network: what the paper has it minimise, a mean over rows."""

CLUSTERS = 3
LABELS = np.array([0, 1, 2, 2, 1, 0, 0, 2])


def make(variant: str, **options: Any) -> Any:
    """Return a small model with weights that are no special case, and noise that stands still."""
    shape = {"input_shape": (SIZE,), "latent_dim": LATENT, "hidden": [5]}
    model = keras_ae.create(variant, **{**shape, **options})
    scatter(model)
    hold_noise(model)
    return model


def clustered(**options: Any) -> Any:
    """Return a small adversarial autoencoder with clusters."""
    given = {"clusters": CLUSTERS, "critic_hidden": [7], "adversarial": 0.4}
    return make("adversarial_autoencoder", **{**given, **options})


def drawn_parts() -> dict[str, np.ndarray]:
    """Return draws of N(0, I), and one-hot vectors of whatever noise is largest."""
    return {
        "style": NORMAL[LATENT],
        "clusters": np.eye(CLUSTERS, dtype="float32")[UNIFORM[CLUSTERS].argmax(1)],
    }


def fixed(draws: np.ndarray) -> Any:
    """Return draws as a tensor."""
    return ops.convert_to_tensor(draws)


def data() -> Any:
    """Return the rows as a tensor."""
    return ops.convert_to_tensor(X)


def scatter(model: Any) -> None:
    """Give every weight a random value, those that begin as zeros too."""
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(scale=0.4, size=variable.shape).astype("float32"))


def hold_noise(model: Any) -> None:
    """Have all noise be the same numbers at each draw of as many."""

    def draw(kind: str, shape: Any, training: bool) -> Any:
        table = NORMAL if kind == "normal" else UNIFORM
        return ops.convert_to_tensor(table[int(shape[-1])])

    for layer in model._flatten_layers():
        if isinstance(layer, Noise):
            setattr(layer, "draw", draw)  # noqa: B010


def weights_of_networks(model: Any) -> dict[str, list[Any]]:
    """Return the trainable weights of encoder with bottleneck, of the decoder and of critics."""
    critics = [term.critic for term in model.objective if hasattr(term, "critic")]
    return {
        "encoder": [*model.encoder.trainable_variables, *model.bottleneck.trainable_variables],
        "decoder": list(model.decoder.trainable_variables),
        "critic": [v for critic in critics for v in critic.trainable_variables],
    }


def codes(model: Any, x: Any, draws: bool = True) -> tuple[Any, Any, Any]:
    """Return codes, means and log-variances of a normal posterior."""
    h = model.encoder(x)
    mean, log_var = model.bottleneck.mean_head(h), model.bottleneck.log_var_head(h)
    return mean + ops.exp(0.5 * log_var) * fixed(NORMAL[LATENT]), mean, log_var


def kl(mean: Any, log_var: Any) -> Any:
    """Return KL(N(mean, diag exp(log_var)) || N(0, I)), `(batch,)`."""
    return -0.5 * ops.sum(1 + log_var - mean**2 - ops.exp(log_var), axis=1)


def bernoulli_cost(x: Any, logits: Any) -> Any:
    """Return -log p(x | z) of independent values in [0, 1], `(batch,)`."""
    return ops.sum(ops.softplus(logits) - x * logits, axis=1)


def gradient_in(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """Return d function(x) / dx, zeros of a function in which x has no part too."""
    return gradient(lambda x: function(x) + 0.0 * ops.sum(x), x)


def gradients_by(function: Callable[[], Any], variables: Sequence[Any]) -> list[np.ndarray]:
    """Return d function() / dv for each variable, zeros where none of them has a part too."""

    def total() -> Any:
        return function() + 0.0 * sum(ops.sum(ops.convert_to_tensor(v)) for v in variables)

    return weight_gradients(total, variables)


def check_one_gradient(model: Any, losses: Losses, rate: float = 1.0, **options: Any) -> None:
    """Have every network move by the gradient of its own loss in a step of the sum.

    Args:
        model: Whose noise stands still.
        losses: One for each network that it has.
        rate: Of the plain gradients.
        **options: Of `fit`.
    """
    networks = weights_of_networks(model)
    assert sum(map(len, networks.values())) == len(model.trainable_variables)
    wanted = {
        name: _moved(networks[name], loss, rate) if networks[name] else []
        for name, loss in losses.items()
    }
    before = _values(model.trainable_variables)
    fit(model, rate, **options)
    for name, values in wanted.items():
        _compare(name, networks[name], values)
    assert all(
        (a != b).any() for a, b in zip(_values(model.trainable_variables), before, strict=True)
    )


def check_phases(model: Any, phases: Sequence[tuple[str, Callable[[], Any]]], rate: float) -> None:
    """Have the named networks (joined by "+") move in turn, each by its own loss at the time."""
    networks = weights_of_networks(model)
    before = _values(model.trainable_variables)
    fit(model, rate)
    after = _values(model.trainable_variables)
    for variable, value in zip(model.trainable_variables, before, strict=True):
        variable.assign(value)
    for names, loss in phases:
        variables = [v for name in names.split("+") for v in networks[name]]
        for variable, value in zip(variables, _moved(variables, loss, rate), strict=True):
            variable.assign(value)
    for variable, value, old in zip(model.trainable_variables, after, before, strict=True):
        np.testing.assert_allclose(
            value, ops.convert_to_numpy(variable), rtol=1e-4, atol=2e-6, err_msg=variable.path
        )
        assert (value != old).any()


def fit(model: Any, rate: float = 1.0, **options: Any) -> None:
    """Take one step of plain gradients with all rows."""
    model.compile(optimizer=keras.optimizers.SGD(rate))
    model.fit(X, batch_size=ROWS, shuffle=False, verbose=0, **options)


def _values(variables: Sequence[Any]) -> list[np.ndarray]:
    return [np.array(ops.convert_to_numpy(v)) for v in variables]


def _moved(variables: Sequence[Any], loss: Callable[[], Any], rate: float) -> list[np.ndarray]:
    gradients = gradients_by(loss, variables)
    return [v - rate * g for v, g in zip(_values(variables), gradients, strict=True)]


def _compare(name: str, variables: Sequence[Any], wanted: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, wanted, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(variable),
            value,
            rtol=1e-4,
            atol=2e-6,
            err_msg=f"{name}: {variable.path}",
        )
