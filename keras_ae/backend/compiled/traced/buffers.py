"""Results of a small step's operations where those of the step before were.

A new tensor and each view of one cost a share of a small operation. A buffer is made once, and so
is a view of it.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.fx import Node

from keras_ae.backend.compiled.traced.graphs import insert, is_written, name_of, tensor_of
from keras_ae.backend.compiled.traced.simplify import simplified

LARGEST = 2**22
"""Numbers of all buffers up to which a step has them: they stay as long as the trace does."""

FEW = 2**13
"""Numbers of a matrix up to which a product with ones is faster than the sum of its rows."""

_ATEN = torch.ops.aten
_INTO = {
    "add.Tensor": _ATEN.add.out,
    "addmm.default": _ATEN.addmm.out,
    "exp.default": _ATEN.exp.out,
    "expm1.default": _ATEN.expm1.out,
    "index_select.default": _ATEN.index_select.out,
    "mm.default": _ATEN.mm.out,
    "mul.Scalar": _ATEN.mul.out,
    "mul.Tensor": _ATEN.mul.out,
    "pow.Tensor_Scalar": _ATEN.pow.Tensor_Scalar_out,
    "sigmoid.default": _ATEN.sigmoid.out,
    "softplus.default": _ATEN.softplus.out,
    "sub.Tensor": _ATEN.sub.out,
    "sum.dim_IntList": _ATEN.sum.IntList_out,
    "tanh.default": _ATEN.tanh.out,
}


def with_buffers(module: Any, kept: int, device: Any) -> Any:
    """Let operations write into buffers; steps must then be taken one after another.

    Args:
        module: A simplified graph of `make_fx`, rewritten in place.
        kept: Outputs from this one on outlive the step, so that they have memory of their own.
        device: Where the step computes.
    """
    nodes = list(module.graph.nodes)
    outlive = {
        source
        for node in nodes[-1].args[0][kept:]
        if isinstance(node, Node)
        for source in _of_one_memory(node)
    }
    suited = [node for node in nodes if node not in outlive and _suits(node)]
    if sum(math.prod(tensor_of(node).shape) for node in suited) > LARGEST:
        return module
    for node in suited:
        _write(module, node, device)
    return simplified(module)


def _of_one_memory(node: Node) -> list[Node]:
    """Return a node and what it is a view of."""
    found = [node]
    while (returns := getattr(getattr(node.target, "_schema", None), "returns", None)) and (
        returns[0].alias_info is not None
    ):
        node = node.args[0]
        found.append(node)
    return found


def _suits(node: Node) -> bool:
    if node.op != "call_function" or node.kwargs:
        return False
    if name_of(node) not in (*_INTO, "relu.default", "threshold_backward.default"):
        return False
    # Between types, and from numbers of single tensors, torch finds what the result is.
    inputs = [tensor_of(n) for n in node.all_input_nodes]
    own = tensor_of(node)
    floats = [t for t in inputs if getattr(t, "dtype", None) != torch.int64]
    return (
        own is not None
        and own.dtype == torch.float32
        and all(t is not None and t.dtype == torch.float32 for t in floats)
    )


def _write(module: Any, node: Node, device: Any) -> None:
    """Replace an operation by one that writes into a buffer."""
    name, place = name_of(node), _own_place(node)
    if place is None:
        like = tensor_of(node)
        place = _held(module, node, torch.empty_strided(like.shape, like.stride, device=device))
    if name == "relu.default":
        insert(node, _ATEN.clamp_min.out, node.args[0], 0, out=place)
    elif name == "threshold_backward.default":
        insert(node, _ATEN.threshold_backward.grad_input, *node.args, grad_input=place)
    elif name == "sum.dim_IntList" and _sums_few_rows(node):
        x = node.args[0]
        ones = _held(module, node, torch.ones(1, tensor_of(x).shape[0], device=device))
        row = _held(module, node, getattr(module, place.target).view(1, -1))
        insert(node, _ATEN.mm.out, ones, x, out=row)
    else:
        insert(node, _INTO[name], *node.args, out=place)
    node.replace_all_uses_with(place)
    module.graph.erase_node(node)


def _held(module: Any, node: Node, tensor: Any) -> Node:
    """Return a node before another one that is a tensor of the module's."""
    name = f"_buffer_{len(module._buffers)}"
    module.register_buffer(name, tensor)
    with module.graph.inserting_before(node):
        held: Node = module.graph.get_attr(name)
    held.meta.update(node.meta)
    held.meta["moves"] = True
    return held


def _own_place(node: Node) -> Node | None:
    """Return the buffer of an activation's input where nothing else reads that."""
    if name_of(node) not in ("relu.default", "threshold_backward.default"):
        return None
    place = node.args[0]
    is_buffer = isinstance(place, Node) and place.op == "get_attr" and is_written(place)
    is_read_here_only = is_buffer and len(place.users) == 2
    return place if is_read_here_only else None


def _sums_few_rows(node: Node) -> bool:
    """Return whether a product with ones, which sums in the rows' order, is faster than a sum."""
    shape = tensor_of(node.args[0]).shape
    return node.args[1:] == ([0],) and len(shape) == 2 and math.prod(shape) <= FEW
