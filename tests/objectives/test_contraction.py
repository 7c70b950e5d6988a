from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.objectives import Contraction

X = np.random.default_rng(0).random((5, 6)).astype("float32")


def model(hidden: list[int], activation: str = "tanh", **options: Any) -> Any:
    return keras_ae.create(
        "contractive_autoencoder",
        input_shape=(6,),
        latent_dim=3,
        hidden=hidden,
        encoder={"name": "mlp", "activation": activation},
        **options,
    )


def value(net: Any, term: Contraction | None = None) -> np.ndarray:
    term = net.objective[1] if term is None else term
    return ops.convert_to_numpy(term.value(net, net.batch(ops.convert_to_tensor(X)), {}, False))


def jacobians(net: Any) -> np.ndarray:
    """The chain rule by hand: tanh hidden layers, a sigmoid code."""
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


def test_random_directions_agree_in_the_mean() -> None:
    net = model([7], estimator="hutchinson")
    estimate = value(net, Contraction(1.0, "hutchinson", probes=400))
    np.testing.assert_allclose(estimate, (jacobians(net) ** 2).sum((1, 2)), rtol=0.35)


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
