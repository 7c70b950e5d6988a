"""A traced training step with fewer operations and the same result, on PyTorch.

A trace says what autograd and Keras did, call by call: constants computed anew, views of views,
chains of factors. On a small model each of these costs as much as a product of matrices.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from keras_ae.backend.compiled.traced.graphs import (
    VIEWS,
    insert,
    is_sole,
    is_written,
    name_of,
    put,
    rewrite,
    shape_of,
    tensor_of,
)

FACTORS = ("mul.Tensor", "mul.Scalar", "div.Tensor", "div.Scalar", "neg.default")
MAKERS = ("zeros", "ones", "full", "scalar_tensor", "zeros_like", "ones_like", "full_like")
SAME = ("detach.default", "alias.default", "lift_fresh_copy.default", "lift_fresh.default")


def simplified(module: Any) -> Any:
    """Return a graph of `make_fx`, simplified in place.

    Args:
        module: A `torch.fx.GraphModule` of `aten` operations, whose tensors that it moves in place
            are its attributes.
    """
    rewrites = (
        _without_aliases,
        _fold_constants,
        _join_factors,
        _multiply_after_sums,
        _join_products,
        _sum_once,
        _sum_all,
    )
    rewrite(module, rewrites)
    module.recompile()
    return module


def _dtype(node: Any) -> Any:
    return getattr(tensor_of(node), "dtype", None)


def _without_aliases(module: Any, node: Any) -> None:
    """Let what only renames a tensor go, and views of the shape that it has."""
    source = node.args[0] if node.args else None
    same_shape = name_of(node) in ("view.default", "expand.default", "_unsafe_view.default") and (
        shape_of(node) is not None and shape_of(node) == shape_of(source)
    )
    if name_of(node) in SAME or same_shape:
        node.replace_all_uses_with(source)


def _fold_constants(module: Any, node: Any) -> None:
    """Compute once what depends on no input and on nothing that moves."""
    call = node.target
    if not isinstance(call, torch._ops.OpOverload) or call._schema.is_mutable or is_written(node):
        return
    if torch.Tag.nondeterministic_seeded in call.tags:
        return
    inputs = node.all_input_nodes
    moves = not all(_is_constant(module, n) for n in inputs)
    # A view of what moves in place moves with it.
    is_view = name_of(node) in VIEWS and all(n.op == "get_attr" for n in inputs)
    is_made = name_of(node).split(".")[0] in MAKERS and all("val" in n.meta for n in inputs)
    if moves and not is_view and not is_made:
        return
    values = {n: _like(n) if is_made else getattr(module, n.target) for n in inputs}
    args, kwargs = torch.fx.node.map_arg((node.args, dict(node.kwargs)), values.get)
    with torch.no_grad():
        value = call(*args, **kwargs)
    if not isinstance(value, torch.Tensor):
        return
    name = f"_folded_{len(module._buffers)}"
    module.register_buffer(name, value)
    with module.graph.inserting_before(node):
        held = module.graph.get_attr(name)
    held.meta.update(node.meta)
    held.meta["moves"] = is_view and moves
    node.replace_all_uses_with(held)


def _like(node: Any) -> Any:
    """Return a tensor of a node's shape, type and device, whatever it holds."""
    value = node.meta["val"]
    return torch.empty(value.shape, dtype=value.dtype, device=value.device)


def _is_constant(module: Any, node: Any) -> bool:
    return (
        node.op == "get_attr"
        and not node.meta.get("moves")
        and not isinstance(getattr(module, node.target), torch.nn.Parameter)
        and not any(is_written(n) for n in module.graph.nodes if n.target == node.target)
    )


def _join_factors(module: Any, node: Any) -> None:
    """Make constants of one value numbers, and products of numbers one."""
    name = name_of(node)
    if name == "pow.Tensor_Scalar" and node.args[1] == 1:
        node.replace_all_uses_with(node.args[0])
        return
    found = _factor(module, node)
    if found is None:
        _number_added(module, node)
        return
    source, factor = found
    before = _factor(module, source) if len(source.users) == 1 else None
    if before is not None:
        source, factor = before[0], before[1] * factor
    if factor == 1.0:
        node.replace_all_uses_with(source)
    elif name != "mul.Scalar" or before is not None:
        with module.graph.inserting_before(node):
            product = module.graph.call_function(torch.ops.aten.mul.Scalar, (source, factor))
        product.meta.update(node.meta)
        node.replace_all_uses_with(product)


def _multiply_after_sums(module: Any, node: Any) -> None:
    """Multiply the fewer numbers: a sum, not what is summed."""
    sums = ("sum.default", "sum.dim_IntList", "mean.default", "mean.dim")
    if name_of(node) not in sums or node.kwargs:
        return
    found = _factor(module, node.args[0])
    if found is None or len(node.args[0].users) > 1:
        return
    with module.graph.inserting_before(node):
        summed = module.graph.call_function(node.target, (found[0], *node.args[1:]))
        product = module.graph.call_function(torch.ops.aten.mul.Scalar, (summed, found[1]))
    summed.meta.update(node.meta)
    product.meta.update(node.meta)
    node.replace_all_uses_with(product)


def _factor(module: Any, node: Any) -> tuple[Any, float] | None:
    """Return (x, factor) of a node that multiplies x by a number, of x's shape and type."""
    name = name_of(node)
    if node.op != "call_function" or name not in FACTORS:
        return None
    if not _dtype(node).is_floating_point:
        return None
    x, y = (*node.args, -1.0)[:2]  # a negation is a product too
    if name.startswith("mul") and _number(module, x) is not None:
        x, y = y, x
    number = _number(module, y)
    if number is None or isinstance(x, (int, float)):
        return None
    if (shape_of(x), _dtype(x)) != (shape_of(node), _dtype(node)):
        return None
    if name.startswith("div") and number == 0.0:
        return None
    return x, (1.0 / number if name.startswith("div") else number)


def _number(module: Any, value: Any) -> float | None:
    """Return the number that an argument is, or that all entries of a constant are."""
    if isinstance(value, (int, float)):
        return float(value)
    if not isinstance(value, torch.fx.Node) or not _is_constant(module, value):
        return None
    tensor = getattr(module, value.target)
    first = float(tensor.flatten()[0]) if tensor.numel() else math.nan
    return first if bool((tensor == first).all()) else None


def _number_added(module: Any, node: Any) -> None:
    """Add a number where a constant of one value is added."""
    if name_of(node) not in ("add.Tensor", "sub.Tensor") or node.kwargs:
        return
    x, y = node.args[:2]
    if name_of(node) == "add.Tensor" and _number(module, x) is not None:
        x, y = y, x
    number = _number(module, y)
    if number is None or isinstance(x, (int, float)) or shape_of(x) != shape_of(node):
        return
    if _dtype(x) != _dtype(node) or not _dtype(x).is_floating_point:
        return
    if number == 0.0:
        node.replace_all_uses_with(x)
    else:
        node.args = (x, number)


def _join_products(module: Any, node: Any) -> None:
    """Add a bias in the product of matrices that it is added to."""
    if name_of(node) != "add.Tensor" or node.kwargs:
        return
    product, bias = node.args[:2]
    if getattr(product, "op", "") != "call_function" or name_of(product) != "mm.default":
        return
    if len(product.users) > 1 or len(shape_of(bias) or ()) != 1 or _dtype(bias) != _dtype(node):
        return
    with module.graph.inserting_before(node):
        joined = module.graph.call_function(torch.ops.aten.addmm.default, (bias, *product.args))
    joined.meta.update(node.meta)
    node.replace_all_uses_with(joined)


def _sum_once(module: Any, node: Any) -> None:
    """Sum without the axes of length 1 that a view then takes away."""
    if name_of(node) != "view.default":
        return
    total = node.args[0]
    if getattr(total, "op", "") != "call_function" or name_of(total) != "sum.dim_IntList":
        return
    x, axes, *keeps = total.args
    if not keeps or not keeps[0] or total.kwargs or len(total.users) > 1:
        return
    rank = len(shape_of(x))
    kept = [n for i, n in enumerate(shape_of(x)) if i not in {axis % rank for axis in axes}]
    if list(shape_of(node)) != kept:
        return
    with module.graph.inserting_before(node):
        summed = module.graph.call_function(torch.ops.aten.sum.dim_IntList, (x, axes))
    summed.meta.update(node.meta)
    node.replace_all_uses_with(summed)


def _sum_all(module: Any, node: Any) -> None:
    """Make the mean of sums one sum, and add numbers after sums."""
    is_of_all = node.args[1:] in ((), (None,)) and not node.kwargs
    if name_of(node) in ("mean.default", "mean.dim") and is_of_all:
        rows = node.args[0]
        if not is_sole(rows, "sum.dim_IntList") or len(rows.args) > 2 or rows.kwargs:
            return
        total = insert(node, torch.ops.aten.sum.default, rows.args[0])
        total.meta.update(node.meta)
        put(node, torch.ops.aten.mul.Scalar, total, 1.0 / math.prod(shape_of(rows)))
    elif name_of(node) == "sum.default" and not node.kwargs:
        added = node.args[0]
        if not is_sole(added, "add.Tensor") or added.kwargs:
            return
        x, number = added.args
        if isinstance(number, (int, float)) and shape_of(x) == shape_of(added):
            total = insert(node, torch.ops.aten.sum.default, x)
            total.meta.update(node.meta)
            put(node, torch.ops.aten.add.Scalar, total, number * math.prod(shape_of(x)))
