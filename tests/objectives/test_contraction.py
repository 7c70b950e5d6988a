from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.objectives import Contraction

X = np.random.default_rng(0).random((5, 6)).astype("float32")


def model(hidden: list[int], **options: Any) -> Any:
    given = {"hidden": hidden, "encoder": {"name": "mlp", "activation": "tanh"}, **options}
    net = keras_ae.create("contractive_autoencoder", input_shape=(6,), latent_dim=3, **given)
    for weight in net.trainable_variables:
        if weight.path.endswith("bias"):
            weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    return net


def value(net: Any, term: Contraction | None = None) -> np.ndarray:
    term = net.objective[1] if term is None else term
    return ops.convert_to_numpy(term.value(net, net.batch(ops.convert_to_tensor(X)), {}, False))


def jacobians(net: Any) -> np.ndarray:
    """The chain rule by hand: tanh after each hidden layer, a sigmoid code."""
    h, jacobian = X.astype("f8"), np.tile(np.eye(6), (len(X), 1, 1))
    dense = [x for x in net.encoder.layers if isinstance(x, keras.layers.Dense)]
    for layer in [*dense, net.bottleneck.projection]:
        kernel, bias = (np.array(w, "f8") for w in layer.get_weights())
        a = h @ kernel + bias
        if layer is net.bottleneck.projection:
            h = 1 / (1 + np.exp(-a))
            slope = h * (1 - h)
        else:
            h = np.tanh(a)
            slope = 1 - h**2
        jacobian = (jacobian @ kernel) * slope[:, None, :]
    return jacobian


@pytest.mark.parametrize("hidden", [[], [7], [7, 4]])
def test_the_exact_form_is_the_jacobians_frobenius_norm(hidden: list[int]) -> None:
    net = model(hidden)
    np.testing.assert_allclose(value(net), (jacobians(net) ** 2).sum((1, 2)), rtol=1e-4)


def test_one_sigmoid_layer_has_the_papers_closed_form() -> None:
    net = model([])
    kernel, bias = net.bottleneck.projection.get_weights()
    h = 1 / (1 + np.exp(-(X @ kernel + bias)))
    wanted = ((h * (1 - h)) ** 2 * (kernel**2).sum(0)).sum(1)
    np.testing.assert_allclose(value(net), wanted, rtol=1e-5)


def test_an_activation_may_be_a_layer_of_its_own() -> None:
    layers = [keras.Input((6,)), keras.layers.Dense(5), keras.layers.Activation("tanh")]
    net = model([4], encoder=keras.Sequential(layers), decoder="mlp")
    np.testing.assert_allclose(value(net), (jacobians(net) ** 2).sum((1, 2)), rtol=1e-4)


def test_random_directions_agree_in_the_mean() -> None:
    net = model([7], estimator="hutchinson")
    rows = net.batch(ops.convert_to_tensor(np.tile(X[:1], (20_000, 1))))
    for probes in (1, 3):
        term = Contraction(1.0, "hutchinson", probes=probes)
        estimate = ops.convert_to_numpy(term.value(net, rows, {}, False)).mean()
        assert estimate == pytest.approx((jacobians(net)[0] ** 2).sum(), rel=0.05)


@pytest.mark.parametrize("estimator", ["exact", "hutchinson"])
def test_the_penalty_alone_trains_the_encoder_to_contract(estimator: str) -> None:
    net = model([7], estimator=estimator, contraction=100.0)
    net.compile(optimizer=keras.optimizers.Adam(0.01))
    before = (jacobians(net) ** 2).sum()
    net.fit(X, epochs=15, verbose=0)
    assert (jacobians(net) ** 2).sum() < 0.5 * before


def test_the_exact_form_refuses_layers_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="Use estimator='hutchinson'"):
        keras_ae.create(
            "contractive_autoencoder", input_shape=(8, 8, 1), encoder="conv", hidden=[4]
        )


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_recurrent_encoders_are_contracted(cell: str) -> None:
    net = keras_ae.create(
        "contractive_autoencoder",
        input_shape=(6, 2),
        latent_dim=3,
        encoder={"name": "recurrent", "cell": cell},
        decoder="mlp",
        hidden=[4],
        estimator="hutchinson",
    )
    net.compile("sgd")
    x = np.random.default_rng(0).normal(size=(8, 6, 2)).astype("float32")
    history = net.fit(x, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert history["contraction"][0] > 0


@pytest.mark.parametrize("shape", [(6,), (3, 2)])
@pytest.mark.parametrize("own", [False, True])
def test_derivatives_are_by_the_example_and_not_by_its_condition(
    shape: tuple[int, ...], own: bool
) -> None:
    layers = [keras.layers.Flatten(), keras.layers.Dense(5, activation="tanh")]
    net = keras_ae.create(
        "contractive_autoencoder",
        input_shape=shape,
        latent_dim=3,
        hidden=[5],
        condition=2,
        encoder=keras.Sequential(layers) if own else {"name": "mlp", "activation": "tanh"},
        decoder="mlp",
    )
    c = np.random.default_rng(1).normal(size=(5, 2)).astype("float32")
    x = X.reshape(5, *shape)
    rows = net.batch({"x": ops.convert_to_tensor(x), "condition": ops.convert_to_tensor(c)})
    each = np.broadcast_to(c.reshape(5, *(1,) * (len(shape) - 1), 2), (5, *shape[:-1], 2))
    joined = np.concatenate([x, each], axis=-1) if own else np.concatenate([X, c], axis=1)
    dense = next(layer for layer in net.encoder._flatten_layers() if hasattr(layer, "kernel"))
    (first, b1), (second, b2) = (
        [np.array(w, "f8") for w in layer.get_weights()]
        for layer in (dense, net.bottleneck.projection)
    )
    h = np.tanh(joined.reshape(5, -1) @ first + b1)
    z = 1 / (1 + np.exp(-(h @ second + b2)))
    by_all = np.einsum("iu,bu,uz,bz->biz", first, 1 - h**2, second, z * (1 - z))
    mine = np.zeros((*shape[:-1], shape[-1] + 2), bool) if own else np.arange(8) < 6
    if own:
        mine[..., : shape[-1]] = True
    wanted = (by_all[:, mine.reshape(-1)] ** 2).sum((1, 2))
    got = ops.convert_to_numpy(net.objective[1].value(net, rows, {}, False))
    np.testing.assert_allclose(got, wanted, rtol=1e-4)
    many = net.batch(
        {
            "x": ops.convert_to_tensor(np.tile(x[:1], (20_000, *(1,) * len(shape)))),
            "condition": ops.convert_to_tensor(np.tile(c[:1], (20_000, 1))),
        }
    )
    estimate = Contraction(1.0, "hutchinson").value(net, many, {}, False)
    assert ops.convert_to_numpy(estimate).mean() == pytest.approx(wanted[0], rel=0.06)
