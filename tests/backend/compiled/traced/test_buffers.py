from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.backend.compiled.traced.test_simplify import graph_of, operations

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="is about torch's traces"
)


def network(x: Any, w: Any, b: Any) -> list[Any]:
    """Return what a step does: products, activations, their gradients, sums of rows, a number."""
    import torch

    hidden = torch.relu(torch.mm(x, w) + b)
    squares = torch.tanh(hidden) * torch.exp(x.mean()) - torch.sigmoid(hidden) ** 2
    back = torch.ops.aten.threshold_backward(squares * 0.5, hidden, 0)
    return [torch.mm(hidden.t(), back), back.sum([0]), torch.mm(back, w.t()), (squares**2).sum()]


def buffered(function: Any, *inputs: Any, kept: int) -> Any:
    from keras_ae.backend.compiled.traced.buffers import with_buffers
    from keras_ae.backend.compiled.traced.simplify import simplified

    return with_buffers(simplified(graph_of(function, *inputs)), kept, "cpu")


def inputs(seed: int) -> list[Any]:
    import torch

    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(s, generator=generator) for s in ((6, 5), (5, 4), (4,))]


@pytest.mark.parametrize("few", [0, 1 << 20])
def test_steps_are_those_without_buffers(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from keras_ae.backend.compiled.traced import buffers

    monkeypatch.setattr(buffers, "FEW", few)
    graph = buffered(network, *inputs(0), kept=3)
    used = operations(graph)
    assert "aten.mm.default" not in used
    assert used.count("aten.t.default") == 1  # of an input; the other is of a buffer
    assert ("aten.sum.IntList_out" in used) == (few == 0)
    numbers, wanted = [], []
    for seed in (1, 2):
        found = graph(*inputs(seed))
        expected = network(*inputs(seed))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        numbers.append(found[3])
        wanted.append(expected[3])
    np.testing.assert_allclose(numbers, wanted, rtol=1e-5)  # those of the first step still stand


def test_large_steps_get_new_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras_ae.backend.compiled.traced import buffers

    monkeypatch.setattr(buffers, "LARGEST", 50)
    assert "aten.mm.default" in operations(buffered(network, *inputs(0), kept=3))


def test_other_types_keep_their_operations() -> None:
    import torch

    def function(x: Any, y: Any) -> list[Any]:
        return [x * y, x + x, y + y]

    x, y = torch.arange(3), torch.ones(3)
    graph = buffered(function, x, y, kept=3)
    for a, b in zip(graph(x, y), function(x, y), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_a_view_that_outlives_the_step_keeps_its_numbers() -> None:
    import torch

    def function(x: Any) -> list[Any]:
        return [torch.mm(x, x)[0].unsqueeze(0)]

    graph = buffered(function, torch.eye(2), kept=0)
    first = graph(torch.eye(2))[0]
    graph(3.0 * torch.eye(2))
    np.testing.assert_array_equal(first, [[1.0, 0.0]])


def test_what_two_read_is_not_written_over() -> None:
    import torch

    def function(x: Any) -> list[Any]:
        y = torch.mm(x, x)
        return [torch.relu(y), y * 2.0]

    x = torch.randn(4, 4)
    for a, b in zip(buffered(function, x, kept=2)(x), function(x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
