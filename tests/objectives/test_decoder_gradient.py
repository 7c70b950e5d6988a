"""The decoder's derivative by the code beside the chain rule in NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.bottlenecks import Deterministic
from keras_ae.objectives import DecoderGradient, Reconstruction
from tests.gradients import weight_gradients
from tests.jacobians import jacobian

RNG = np.random.default_rng(0)
X = RNG.random((6, 5)).astype("float32")
C = RNG.normal(size=(6, 3)).astype("float32")
Z = RNG.normal(size=(6, 2)).astype("float32")


def build(term: DecoderGradient | None = None, **options: Any) -> Any:
    given = {"hidden": [4], "encoder": {"name": "mlp", "activation": "tanh"}, **options}
    model = keras_ae.LatentModel(
        given.pop("shape", (5,)),
        bottleneck=Deterministic(2),
        objective=[Reconstruction(0.0), term or DecoderGradient(1.0, "exact")],
        **given,
    )
    for weight in model.trainable_variables:
        weight.assign(RNG.normal(scale=0.7, size=weight.shape))
    return model


def rows_of(model: Any, copies: int | None = None) -> Any:
    x, c = (X, C) if copies is None else (a[:1].repeat(copies, 0) for a in (X, C))
    rows = {"x": ops.convert_to_tensor(x), "condition": ops.convert_to_tensor(c)}
    return rows if model.condition is not None else rows["x"]


def value(model: Any, term: DecoderGradient | None = None, copies: int | None = None) -> np.ndarray:
    z = Z if copies is None else Z[:1].repeat(copies, 0)
    outputs = {"latent": ops.convert_to_tensor(z)}
    batch = model.batch(rows_of(model, copies))
    return ops.convert_to_numpy((term or model.objective[1]).value(model, batch, outputs, False))


def by_chain_rule(weights: list[np.ndarray], sigmoid: bool, condition: bool) -> np.ndarray:
    """Return |dD/dz|_F^2 of rows, D one layer of tanh, a linear one, perhaps a sigmoid."""
    first, b1, second, b2 = (np.asarray(w, "f8") for w in weights)
    h = np.tanh((np.concatenate([Z, C], 1) if condition else Z).astype("f8") @ first + b1)
    derivative = np.einsum("zh,bh,hx->bzx", first[:2], 1 - h**2, second)
    if sigmoid:
        p = 1 / (1 + np.exp(-(h @ second + b2)))
        derivative = derivative * (p * (1 - p))[:, None]
    return np.asarray((derivative**2).sum((1, 2)))


KINDS = [
    ({}, False, False),
    ({"likelihood": "bernoulli"}, True, False),
    ({"condition": 3}, False, True),
    ({"condition": 3, "likelihood": "bernoulli"}, True, True),
]
kinds = pytest.mark.parametrize(("options", "sigmoid", "condition"), KINDS)


def kernels(model: Any) -> list[Any]:
    return [w for w in model.decoder.trainable_weights if len(w.shape)]


@kinds
def test_the_exact_form_is_the_jacobian_of_the_mean(
    options: Any, sigmoid: bool, condition: bool
) -> None:
    model = build(**options)
    wanted = by_chain_rule([np.array(w) for w in kernels(model)], sigmoid, condition)
    got = value(model)
    assert got.dtype == "float32"
    np.testing.assert_allclose(got, wanted, rtol=1e-4)


@kinds
def test_random_directions_agree_in_the_mean(options: Any, sigmoid: bool, condition: bool) -> None:
    """E |J v|^2 = |J|_F^2, and the variance of a mean of p directions is a p-th."""
    model, rows = build(**options), 8000
    wanted = by_chain_rule([np.array(w) for w in kernels(model)], sigmoid, condition)[0]
    spread = []
    for probes in (1, 4):
        drawn = value(model, DecoderGradient(1.0, "hutchinson", probes=probes), rows)
        assert drawn.shape == (rows,)
        spread.append(drawn.std())
        assert abs(drawn.mean() - wanted) < 4 * drawn.std() / np.sqrt(rows)
    assert spread[0] / spread[1] == pytest.approx(2.0, rel=0.15)


def test_random_directions_are_drawn_anew() -> None:
    model, term = build(), DecoderGradient()
    assert abs(value(model, term) - value(model, term)).min() > 0


def test_its_units_are_the_normalised_ones() -> None:
    model = build(normalize="standard")
    model.adapt(50 * X + 7)
    wanted = by_chain_rule([np.array(w) for w in kernels(model)], False, False)
    np.testing.assert_allclose(value(model), wanted, rtol=1e-4)


@pytest.mark.parametrize("estimator", ["exact", "hutchinson"])
def test_a_convolutional_decoder_is_differentiated(estimator: Any) -> None:
    """A mean of so many random directions is off by at most sqrt(2 / 1000), 4.5 times."""
    shape = (4, 4, 1)
    term = DecoderGradient(1.0, estimator, probes=1000)
    model = build(term, shape=shape, encoder="conv", likelihood="bernoulli", hidden=[3])
    x, z = RNG.random((3, *shape)).astype("float32"), Z[:3]
    each = jacobian(lambda z: ops.reshape(model.decode_tensor(z), (-1, 16)), z)
    wanted = (each.astype("f8") ** 2).sum((1, 2))
    outputs = {"latent": ops.convert_to_tensor(z)}
    got = term.value(model, model.batch(ops.convert_to_tensor(x)), outputs, False)
    tolerance = 1e-3 if estimator == "exact" else 0.2
    np.testing.assert_allclose(ops.convert_to_numpy(got), wanted, rtol=tolerance)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_only_the_decoder_has_a_gradient_and_it_is_right(likelihood: str) -> None:
    """Through the codes of the encoder; beside finite differences of the chain rule."""
    model = build(likelihood=likelihood)
    model.bottleneck.projection.set_weights([np.zeros((4, 2)), Z[0]])  # all codes are Z[0]

    def mean(training: bool = False) -> Any:
        rows = ops.convert_to_tensor(X)
        outputs = model(rows)
        return ops.mean(model.objective[1].value(model, model.batch(rows), outputs, training))

    variables = model.trainable_variables
    own = kernels(model)
    found = dict(zip(map(id, variables), weight_gradients(mean, variables), strict=True))
    for variable in variables:
        if id(variable) not in {id(w) for w in own}:
            np.testing.assert_array_equal(found[id(variable)], 0.0)
    values = [np.array(w, "f8") for w in own]
    for at, weight in enumerate(own):
        wanted = np.zeros(weight.shape)
        for entry in np.ndindex(*weight.shape):
            ends = []
            for sign in (1, -1):
                moved = [w.copy() for w in values]
                moved[at][entry] += sign * 1e-5
                ends.append(by_chain_rule(moved, likelihood == "bernoulli", False)[0])
            wanted[entry] = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(found[id(weight)], wanted, rtol=1e-3, atol=1e-5)
        assert at == 3 or abs(wanted).max() > 1e-3


@pytest.mark.parametrize("estimator", ["exact", "hutchinson"])
def test_its_steps_flatten_the_decoder_and_leave_the_encoder(estimator: Any) -> None:
    model = build(DecoderGradient(1.0, estimator))
    encoder = [*model.encoder.trainable_weights, *model.bottleneck.trainable_weights]
    before = [np.array(w) for w in encoder]

    def steepness() -> float:
        batch = model.batch(ops.convert_to_tensor(X))
        outputs = {"latent": ops.convert_to_tensor(model.encode(X))}
        values = DecoderGradient(1.0, "exact").value(model, batch, outputs, False)
        return float(ops.convert_to_numpy(values).mean())

    steep = steepness()
    model.compile(keras.optimizers.SGD(0.02))
    model.fit(X, batch_size=6, epochs=20, verbose=0)
    for weight, old in zip(encoder, before, strict=True):
        np.testing.assert_array_equal(np.array(weight), old)
    assert steepness() < 0.7 * steep


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("estimator", "random"),
        ("estimator", None),
        ("probes", 0),
        ("probes", 1.5),
        ("weight", -1.0),
    ],
)
def test_an_impossible_argument_is_refused(option: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"`{option}` must"):
        DecoderGradient(**{option: wrong})
