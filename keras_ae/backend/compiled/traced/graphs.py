"""Graphs of `make_fx`: what is known of their nodes, and rewriting them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch.fx import Node

VIEWS = ("t.default", "view.default", "unsqueeze.default", "transpose.int", "permute.default")


def rewrite(module: Any, rewrites: Sequence[Callable[[Any, Any], None]]) -> None:
    """Rewrite a graph's calls until there is nothing left to rewrite.

    Args:
        module: A `torch.fx.GraphModule`.
        rewrites: Each takes the module and one of its nodes that are calls.
    """
    before, now = "", str(module.graph)
    while now != before:
        for one in rewrites:
            for node in list(module.graph.nodes):
                if node.op == "call_function":
                    one(module, node)
            module.graph.eliminate_dead_code()
        before, now = now, str(module.graph)


def name_of(node: Any) -> str:
    """Return `add.Tensor` of a node that calls `aten.add.Tensor`."""
    return str(getattr(node, "target", "")).removeprefix("aten.")


def shape_of(node: Any) -> Any:
    """Return the shape of a node's tensor, None where it has none."""
    return getattr(tensor_of(node), "shape", None)


def tensor_of(node: Any) -> Any:
    """Return a node's tensor if it is an attribute, else what is known of it."""
    if not isinstance(node, Node):
        return None
    if node.op == "get_attr":
        return getattr(node.graph.owning_module, node.target)
    return node.meta.get("tensor_meta")


def is_written(node: Any) -> bool:
    """Return whether an operation writes into this tensor."""
    return any(node in _written_by(user) for user in node.users)


def _written_by(node: Node) -> list[Any]:
    arguments = getattr(getattr(node.target, "_schema", None), "arguments", ())
    return [
        node.args[i] if i < len(node.args) else node.kwargs.get(argument.name)
        for i, argument in enumerate(arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    ]


def put(node: Node, target: Any, *args: Any, **kwargs: Any) -> Node:
    """Put another call in a node's place, of the same shape, and return it."""
    made = insert(node, target, *args, **kwargs)
    made.meta.update(node.meta)
    node.replace_all_uses_with(made)
    return made


def insert(node: Node, target: Any, *args: Any, **kwargs: Any) -> Node:
    """Put a call before a node and return it."""
    with node.graph.inserting_before(node):
        return node.graph.call_function(target, args, kwargs)


def is_call(node: Any, *names: str) -> bool:
    """Return whether an argument is a call of one of these names, such as `add.Tensor`."""
    return isinstance(node, Node) and name_of(node) in names


def is_sole(node: Any, *names: str) -> bool:
    """Return whether an argument is such a call, and used once."""
    return is_call(node, *names) and len(node.users) == 1
