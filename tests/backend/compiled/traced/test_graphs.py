from __future__ import annotations

from typing import Any

import keras
import pytest

from tests.backend.compiled.traced.test_simplify import graph_of, operations

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="is about torch's traces"
)


def test_rewriting_goes_on_until_nothing_is_left() -> None:
    import torch

    from keras_ae.backend.compiled.traced import graphs

    def shorten(module: Any, node: Any) -> None:
        """Take one of two additions of 1 away: each makes room for the next."""
        source = node.args[0]
        if graphs.is_call(node, "add.Tensor") and graphs.is_sole(source, "add.Tensor"):
            graphs.put(node, torch.ops.aten.add.Tensor, source.args[0], 1)

    graph = graph_of(lambda x: x + 1 + 1 + 1 + 1, torch.zeros(2))
    graphs.rewrite(graph, [shorten])
    assert operations(graph) == ["aten.add.Tensor"]


def test_what_is_written_to_and_used_twice_is_seen() -> None:
    import torch

    from keras_ae.backend.compiled.traced import graphs

    def function(x: Any) -> Any:
        y = x + 1
        z = x * 2
        y.add_(z)
        return y + z

    nodes = [n for n in graph_of(function, torch.zeros(2)).graph.nodes if n.op == "call_function"]
    added, doubled = nodes[:2]
    assert graphs.is_written(added)
    assert not graphs.is_written(doubled)
    assert not graphs.is_sole(doubled, "mul.Tensor")
    assert graphs.shape_of(doubled) == (2,)
    assert not graphs.is_call(3, "add.Tensor")
