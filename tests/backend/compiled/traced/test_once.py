from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.backend.compiled.traced.test_simplify import graph_of, operations

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="is about torch's traces"
)


def taken_out(function: Any, x: Any, first: int) -> tuple[Any, Any]:
    from keras_ae.backend.compiled.traced.once import taken_out
    from keras_ae.backend.compiled.traced.simplify import simplified

    graph = simplified(graph_of(function, x))
    return graph, taken_out(graph, first, "cpu")


def test_numbers_are_scaled_and_shifted_at_the_end_of_a_block() -> None:
    import torch

    def function(x: Any) -> list[Any]:
        loss = ((x * x + 3.0).sum([1]) * 0.5).mean()
        return [x * 2.0, loss, loss + 4.0]

    x = torch.arange(6.0).reshape(2, 3)
    graph, once = taken_out(function, x, 1)
    assert sorted(operations(graph)) == ["aten.mul.Scalar", "aten.mul.Tensor", "aten.sum.default"]
    numbers = [number for _ in range(4) for number in graph(x)[1:]]
    loss = 0.5 * (55.0 + 6 * 3.0) / 2  # squares of 0 to 5 and six threes, over two rows
    np.testing.assert_allclose(once.end(numbers, 4), [4 * loss, 4 * (loss + 4.0)], rtol=1e-6)
    np.testing.assert_array_equal(graph(x)[0], 2.0 * x)  # what is no such number stays


def test_a_counter_moves_once_and_one_that_is_read_stays() -> None:
    import torch

    counter = torch.nn.Parameter(torch.tensor(5), requires_grad=False)
    read = torch.nn.Parameter(torch.tensor(7.0), requires_grad=False)
    one = torch.tensor(1)

    def function(x: Any) -> list[Any]:
        counter.copy_(counter + one)
        read.copy_(read + 2.0)
        return [(x * read).sum()]

    graph, once = taken_out(function, torch.ones(3), 0)
    counter.fill_(5)
    read.fill_(7.0)
    numbers = [*graph(torch.ones(3)), *graph(torch.ones(3))]
    assert (int(counter), float(read)) == (5, 11.0)
    np.testing.assert_allclose(once.end(numbers, 2), [3 * (9.0 + 11.0)])
    assert (int(counter), float(read)) == (7, 11.0)


def test_a_step_without_numbers_has_none_at_the_end() -> None:
    import torch

    graph, once = taken_out(lambda x: [x * 2.0], torch.ones(3), 1)
    assert once.end(graph(torch.ones(3))[1:], 1).shape == (0,)
