"""Large products of matrices by oneDNN, whose kernels know more CPUs than torch's own."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from keras_ae.backend.compiled.traced.graphs import insert, is_call, put, rewrite, tensor_of
from keras_ae.backend.compiled.traced.simplify import simplified

_LINEAR = "mkldnn._linear_pointwise.default"
LARGE = 5e7
"""Floating-point operations from which on oneDNN's products are the faster ones."""


def with_onednn(module: Any) -> Any:
    """Return a simplified graph of `make_fx`, rewritten in place."""
    rewrite(module, [_product])
    is_changed = any(is_call(node, _LINEAR) for node in module.graph.nodes)
    return simplified(module) if is_changed else module


def _product(module: Any, node: Node) -> None:
    if node.kwargs or not is_call(node, "mm.default", "addmm.default"):
        return
    *biases, a, b = node.args
    left, right = tensor_of(a), tensor_of(b)
    if left.dtype != torch.float32 or 2.0 * left.shape.numel() * right.shape[1] < LARGE:
        return
    if biases and tuple(tensor_of(biases[0]).shape) != (right.shape[1],):
        return
    # It multiplies by the transposed of what it is given.
    turned = insert(node, torch.ops.aten.t.default, b)
    turned.meta["tensor_meta"] = torch.empty(tuple(right.shape)[::-1], device="meta")
    bias = biases[0] if biases else None
    put(node, torch.ops.mkldnn._linear_pointwise.default, a, turned, bias, "none", [], "")
