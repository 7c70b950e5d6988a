from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import keras_ae

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="is about torch's traces"
)


def rewritten(function: Any, *inputs: Any) -> Any:
    from torch.fx.experimental.proxy_tensor import make_fx

    from keras_ae.backend.compiled.traced.channels_last import with_channels_last
    from keras_ae.backend.compiled.traced.simplify import simplified

    return with_channels_last(simplified(make_fx(function, tracing_mode="real")(*inputs)))


def operations(graph: Any) -> set[str]:
    found = set()
    for node in graph.graph.nodes:
        if node.op == "call_function":
            found.add(getattr(node.target, "__name__", str(node.target)))
    return found


def random(*shape: int, seed: int = 0) -> Any:
    import torch

    numbers = np.random.default_rng(seed).normal(size=shape).astype("float32")
    return torch.from_numpy(numbers)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("window", [2, 3, 5])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_gradients_of_networks_are_those_before(
    padding: str, window: int, strides: int, data_format: str
) -> None:
    import torch

    given = {"padding": padding, "strides": strides, "data_format": data_format}
    shape = (7, 6, 3) if data_format == "channels_last" else (3, 7, 6)
    network = keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Conv2D(4, window, activation="relu", **given),
            keras.layers.Conv2D(5, 2, activation="relu", **{**given, "padding": "same"}),
            keras.layers.Conv2DTranspose(4, window, activation="relu", **given),
            keras.layers.Conv2DTranspose(3, window, activation="elu", **given),
            keras.layers.Conv2D(1, 3, padding="same", data_format=data_format),
        ]
    )
    generator = np.random.default_rng(0)
    for weight in network.weights:  # biases too, which begin at 0
        weight.assign(generator.normal(0, 0.5, weight.shape))
    weights = [w.value for w in network.trainable_weights]

    def function(x: Any) -> list[Any]:
        with torch.enable_grad():
            y = network(x)
            found = torch.autograd.grad((y**2).mean(), weights)
        return [y.detach(), *(gradient.contiguous() for gradient in found)]

    x = random(4, *shape)
    graph = rewritten(function, x)
    with torch.no_grad():
        found = graph(x)
    for before, now in zip(function(x), found, strict=True):
        scale = float(before.abs().max())
        np.testing.assert_allclose(now, before, rtol=1e-4, atol=1e-5 * scale)
    assert "slice_backward.default" not in operations(graph)


def test_a_network_of_ours_needs_no_copies() -> None:
    import torch

    model = keras_ae.create(
        "autoencoder", input_shape=(8, 8, 1), encoder="conv", latent_dim=2, hidden=[8, 16]
    )
    weights = [w.value for w in model.trainable_weights]

    def function(x: Any) -> list[Any]:
        with torch.enable_grad():
            y = model(x)["reconstruction"]
            return [*torch.autograd.grad((y**2).mean(), weights)]

    found = operations(rewritten(function, random(4, 8, 8, 1)))
    assert {"padded_relu", "padded_threshold_backward", "shifted_products"} <= found
    assert {"shifted_gradients", "_convolution_transpose_pointwise.default"} & found
    assert not {"slice.Tensor", "slice_backward.default"} & found


def test_a_copy_that_is_written_to_stays() -> None:
    import torch

    w = random(4, 3, 3, 3)

    def function(x: Any) -> list[Any]:
        y = torch.conv2d(x, w)
        kept = y.permute(0, 2, 3, 1).clone()
        kept.add_(1.0)
        return [y.sum(), kept.sum()]

    x = random(2, 3, 5, 5)
    for before, now in zip(function(x), rewritten(function, x)(x), strict=True):
        np.testing.assert_allclose(now, before, rtol=1e-5)


def test_a_crop_before_a_padding_leaves_zeros() -> None:
    import torch

    w = random(4, 3, 3, 3)

    def function(x: Any) -> list[Any]:
        with torch.enable_grad():
            given = x.detach().requires_grad_()
            inner = torch.nn.functional.pad(given[:, :, 1:-1, 1:-1], [1, 1, 1, 1])
            return [*torch.autograd.grad((torch.conv2d(inner, w) ** 2).sum(), given)]

    x = random(2, 3, 6, 6)
    with torch.no_grad():
        found = rewritten(function, x)(x)
    for before, now in zip(function(x), found, strict=True):
        np.testing.assert_allclose(now, before, rtol=1e-4, atol=1e-4)


def test_what_is_not_a_number_stays_so() -> None:
    import torch

    w, v = random(4, 3, 3, 3), random(3, 4, 3, 3)

    def function(x: Any) -> list[Any]:
        y = torch.relu(torch.conv2d(x, w, padding=1))
        return [torch.relu(torch.conv_transpose2d(y, v.transpose(0, 1), stride=2)[:, :, :-1, :-1])]

    x = random(2, 3, 6, 6)
    graph = rewritten(function, x)
    assert "relu_.default" in operations(graph)
    x[0, 0, 2, 2] = np.nan
    assert int(torch.isnan(graph(x)[0]).sum()) == int(torch.isnan(function(x)[0]).sum()) > 0
