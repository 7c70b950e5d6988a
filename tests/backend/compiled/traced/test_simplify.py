from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="is about torch's traces"
)


def graph_of(function: Callable[..., Any], *inputs: Any) -> Any:
    from torch.fx.experimental.proxy_tensor import make_fx

    return make_fx(function, tracing_mode="real")(*inputs)


def operations(graph: Any) -> list[str]:
    return [str(n.target) for n in graph.graph.nodes if n.op == "call_function"]


def test_factors_and_constants_become_one_number() -> None:
    import torch

    from keras_ae.backend.compiled.traced.simplify import simplified

    def function(x: Any) -> Any:
        ones = torch.ones_like(x)
        return -(((x**1.0) * 2.0) * (ones * 3.0).exp() / 4.0).detach()

    x = torch.arange(6.0).reshape(2, 3)
    graph = simplified(graph_of(function, x))
    assert operations(graph) == ["aten.mul.Scalar"]
    np.testing.assert_allclose(graph(x), -np.arange(6.0).reshape(2, 3) * np.exp(3.0) / 2, rtol=1e-6)


def test_a_bias_is_added_in_the_product() -> None:
    import torch

    from keras_ae.backend.compiled.traced.simplify import simplified

    weight = torch.nn.Parameter(torch.randn(3, 4), requires_grad=False)
    bias = torch.nn.Parameter(torch.randn(4), requires_grad=False)
    graph = simplified(graph_of(lambda x: torch.mm(x, weight) + bias, torch.randn(2, 3)))
    assert operations(graph) == ["aten.addmm.default"]
    x = torch.randn(2, 3)
    wanted = x.numpy() @ weight.numpy() + bias.numpy()
    np.testing.assert_allclose(graph(x), wanted, rtol=1e-5, atol=1e-6)


def test_what_moves_is_not_a_constant() -> None:
    import torch

    from keras_ae.backend.compiled.traced.simplify import simplified

    moving = torch.nn.Parameter(torch.ones(2, 3), requires_grad=False)

    def function(x: Any) -> Any:
        total = (x @ moving.t()).sum([0], keepdim=True).view(2)
        moving.copy_(moving + 1.0)
        return total

    x = torch.ones(4, 3)
    graph = simplified(graph_of(function, x))
    moving.fill_(1.0)
    np.testing.assert_allclose(graph(x), [12.0, 12.0])  # 4 rows of 3 products
    np.testing.assert_allclose(graph(x), [24.0, 24.0])


def test_a_constant_that_is_written_to_stays() -> None:
    import torch

    from keras_ae.backend.compiled.traced.simplify import simplified

    def function(x: Any) -> Any:
        counts = torch.zeros(3)
        counts.scatter_add_(0, x, torch.ones(2))
        return counts

    x = torch.tensor([0, 2])
    graph = simplified(graph_of(function, x))
    for _ in range(2):  # a second run begins at nothing
        np.testing.assert_allclose(graph(x), [1.0, 0.0, 1.0])


def test_types_and_shapes_are_kept() -> None:
    import torch

    from keras_ae.backend.compiled.traced.simplify import simplified

    def function(x: Any, whole: Any) -> Any:
        row = torch.ones(1, 3) * 2.0
        return (
            x * row,
            whole * 0.5,
            -whole,
            whole * 2,
            x + torch.zeros(4, 3),
            x.sum([1], keepdim=True).view(1, 1),
        )

    inputs = torch.randn(1, 3), torch.arange(3)
    graph = simplified(graph_of(function, *inputs))
    for found, wanted in zip(graph(*inputs), function(*inputs), strict=True):
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_noise_is_drawn_anew() -> None:
    import torch

    from keras_ae.backend.compiled.traced.simplify import simplified

    graph = simplified(graph_of(lambda x: x + torch.randn(3), torch.zeros(3)))
    assert not np.allclose(graph(torch.zeros(3)), graph(torch.zeros(3)))


def test_a_tensor_that_is_counted_up_is_not_a_constant() -> None:
    import torch

    from keras_ae.backend.compiled.traced.simplify import simplified

    count = torch.zeros(())

    def function(x: Any) -> Any:
        result = x + count * 2.0
        count.add_(1.0)
        return result

    graph = simplified(graph_of(function, torch.zeros(2)))
    first, second = graph(torch.zeros(2)), graph(torch.zeros(2))
    np.testing.assert_allclose(second - first, [2.0, 2.0])


def test_the_mean_of_sums_is_one_sum() -> None:
    import torch

    from keras_ae.backend.compiled.traced.simplify import simplified

    def function(x: Any) -> Any:
        return (x + 2.0).sum([1, 2]).mean()

    x = torch.arange(24.0).reshape(2, 3, 4)
    graph = simplified(graph_of(function, x))
    assert operations(graph) == ["aten.sum.default", "aten.add.Scalar", "aten.mul.Scalar"]
    np.testing.assert_allclose(graph(x), (276.0 + 48.0) / 2)  # the sum of 0 to 23, 24 twos
