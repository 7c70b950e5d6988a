from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.backend import convolution
from tests.gradients import gradient, weight_gradients

RNG = np.random.default_rng(0)


def oracle(x: np.ndarray, kernel: np.ndarray, stride: int, first: int, size: int) -> np.ndarray:
    """Return the transposed convolution of a series: each entry adds the kernel where it stands."""
    whole = np.zeros((len(x), stride * (x.shape[1] - 1) + len(kernel), kernel.shape[1]))
    for place in range(x.shape[1]):
        for tap in range(len(kernel)):
            whole[:, stride * place + tap] += x[:, place] @ kernel[tap].T
    return whole[:, first : first + size]


def drawn(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_it_is_the_sum_of_kernels(stride: int) -> None:
    x, kernel = drawn(2, 5, 3), drawn(3, 4, 3)
    found = convolution.conv_transpose(x, kernel, strides=stride, padding="valid")
    wanted = oracle(x, kernel, stride, 0, found.shape[1])
    np.testing.assert_allclose(ops.convert_to_numpy(found), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_layers_are_kerass_with_any_shape(rank: int) -> None:
    options: dict[str, Any] = {"strides": 2, "padding": "same", "activation": "relu"}
    x = drawn(2, *(4, 3, 5)[:rank], 3)
    name = f"Conv{rank}DTranspose"
    ours = getattr(convolution, name)(4, 3, **options)
    kerass = getattr(keras.layers, name)(4, 3, **options)
    ours.build(x.shape)
    kerass.build(x.shape)
    ours.set_weights([drawn(*w.shape) for w in ours.get_weights()])
    kerass.set_weights(ours.get_weights())
    np.testing.assert_allclose(
        ops.convert_to_numpy(ours(x)), ops.convert_to_numpy(kerass(x)), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_are_those_of_the_sum(stride: int, padding: str) -> None:
    x, kernel = drawn(2, 5, 3), drawn(3, 4, 3)
    options: dict[str, Any] = {"strides": stride, "padding": padding}
    shape = convolution.conv_transpose(x, kernel, **options).shape
    weights = drawn(*shape)

    def value(x: Any, kernel: Any) -> Any:
        found = convolution.conv_transpose(x, kernel, **options)
        return ops.sum(ops.multiply(ops.square(found), weights))

    def wanted(x: Any, kernel: Any) -> Any:
        found = ops.conv_transpose(x, kernel, **options)
        return ops.sum(ops.multiply(ops.square(found), weights))

    for index in range(2):
        given = [x, kernel]

        def along(f: Any, index: int = index, given: Any = given) -> Any:
            return lambda a: f(*given[:index], a, *given[index + 1 :])

        np.testing.assert_allclose(
            gradient(along(value), given[index]),
            gradient(along(wanted), given[index]),
            rtol=1e-4,
            atol=1e-4,
        )


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="is about JAX's own derivatives")
def test_it_can_be_differentiated_forward_and_twice() -> None:
    import jax

    x, kernel = drawn(2, 5, 3), drawn(3, 4, 3)
    options: dict[str, Any] = {"strides": 2, "padding": "same"}

    def penalty(function: Any) -> Any:
        def slope(x: Any, kernel: Any) -> Any:
            return jax.grad(lambda x: (function(x, kernel, **options) ** 3).sum())(x)

        return lambda kernel: (slope(x, kernel) ** 2).sum()

    found = jax.grad(penalty(convolution.conv_transpose))(kernel)
    np.testing.assert_allclose(found, jax.grad(penalty(ops.conv_transpose))(kernel), rtol=1e-4)
    for index, given in enumerate((x, kernel)):
        moves = [np.zeros_like(x), np.zeros_like(kernel)]
        moves[index] = drawn(*given.shape)
        both = [
            jax.jvp(lambda *a, f=f: f(*a, **options), (x, kernel), tuple(moves))[1]
            for f in (convolution.conv_transpose, ops.conv_transpose)
        ]
        np.testing.assert_allclose(*both, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose"])
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(("channels", "filters"), [(1, 4), (4, 1), (3, 4)])
def test_gradients_of_half_precision_are_those_of_single(
    kind: str, size: int, channels: int, filters: int
) -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 6, channels)).astype("f4")
    found = []
    for policy in ("float32", "mixed_float16"):
        layer = getattr(convolution, f"{kind[:4]}2D{kind[4:]}")(
            filters, size, padding="same", dtype=policy
        )
        layer.build((None, 5, 6, channels))
        drawn = np.random.default_rng(1).normal(size=layer.kernel.shape)
        layer.kernel.assign(drawn)

        def function(layer: Any = layer) -> Any:
            return ops.mean(ops.square(ops.cast(layer(ops.convert_to_tensor(x)), "float32")))

        found.append(weight_gradients(function, [layer.kernel])[0])
    np.testing.assert_allclose(found[1], found[0], rtol=0.05, atol=0.02)
