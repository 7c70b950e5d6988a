"""A traced training step's convolutions of images as oneDNN's CPU kernels are fast at them.

What Keras asks of torch changes a map's layout between calls, and pads or crops it by copies. Here
maps keep their channels last; biases, activations and crops are part of the calls; and what is to
be padded is written where its margin is already.
"""

from __future__ import annotations

import itertools
import operator
from typing import Any

import torch
from torch.fx import Node

from keras_ae.backend.compiled.traced.graphs import (
    VIEWS,
    insert,
    is_call,
    is_sole,
    is_written,
    put,
    rewrite,
    shape_of,
    tensor_of,
)
from keras_ae.backend.compiled.traced.maps import (
    cropped,
    padded_relu,
    padded_threshold_backward,
    shifted_gradients,
    shifted_products,
)

FEW = 64
"""Taps times filters up to which a convolution is one product for all taps, shifted and added."""

_TO_LAST, _TO_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
_TRANSPOSED = "mkldnn._convolution_transpose_pointwise.default"
_ATEN = torch.ops.aten


def with_channels_last(module: Any) -> Any:
    """Return a simplified graph of `make_fx`, rewritten in place.

    Whether a model's own step agrees must be asked of the result: that oneDNN crops is not written
    anywhere.
    """
    for rewrites in (
        (_without_layouts, _without_slices),
        (_without_turning_back, _turn_after, _join_bias),
        (_shift_products, _shift_gradients),
        (_write_padded, _crop, _transpose_cropped),
        (_clip_over, _write_over, _sum_whole),
    ):
        rewrite(module, rewrites)
    module.recompile()
    return module


def _is_computed(node: Node) -> bool:
    """Return whether a tensor is a step's own, and no view of one that moves."""
    while is_call(node, "permute.default", "clone.default", "reshape.default", *VIEWS):
        node = node.args[0]
    return node.op == "call_function" and not is_written(node)


def _is_turned(node: Any, axes: list[int]) -> bool:
    return is_call(node, "permute.default") and list(node.args[1]) == axes


# Layouts


def _without_layouts(module: Any, node: Node) -> None:
    """Let copies that only change a layout go; the last ones are what a step returns."""
    if is_call(node, "clone.default"):
        is_output = any(user.op == "output" for user in node.users)
        if not is_output and not is_written(node) and _is_computed(node.args[0]):
            node.replace_all_uses_with(node.args[0])
    elif is_call(node, "view.default", "_unsafe_view.default"):
        node.target = _ATEN.reshape.default


def _without_slices(module: Any, node: Node) -> None:
    """Make a gradient's way back through crops a padding."""
    if not is_call(node, "slice_backward.default") or len(node.args[1]) != 4:
        return
    gradient, sizes, axis, start, end, step = node.args
    size = sizes[axis]
    stop = min(end if end >= 0 else size + end, size)
    if axis in (2, 3) and step == 1 and start >= 0:
        pads = [start, size - stop] if axis == 3 else [0, 0, start, size - stop]
        _pad(node, gradient, pads)


def _pad(node: Node, x: Any, pads: list[int]) -> None:
    is_padded = is_sole(x, "constant_pad_nd.default") and not any(x.args[2:])
    if is_padded and min(x.args[1]) >= 0:
        pairs = itertools.zip_longest(pads, x.args[1], fillvalue=0)
        x, pads = x.args[0], [a + b for a, b in pairs]
    put(node, _ATEN.constant_pad_nd.default, x, pads)


def _without_turning_back(module: Any, node: Node) -> None:
    """Let a turn of axes that undoes the one before go."""
    for axes, back in ((_TO_LAST, _TO_FIRST), (_TO_FIRST, _TO_LAST)):
        if _is_turned(node, axes) and _is_turned(node.args[0], back):
            node.replace_all_uses_with(node.args[0].args[0])


def _turn_after(module: Any, node: Node) -> None:
    """Compute with channels first, which is a name only, and turn the axes afterwards."""
    if not is_call(node, "relu.default", "threshold_backward.default"):
        return
    maps = [arg for arg in node.args if isinstance(arg, Node)]
    if not any(_is_turned(x, _TO_LAST) for x in maps):
        return
    turned = [x.args[0] if _is_turned(x, _TO_LAST) else _turned(node, x, _TO_FIRST) for x in maps]
    found = insert(node, node.target, *turned, *node.args[len(maps) :])
    found.meta.update(turned[0].meta)
    put(node, _ATEN.permute.default, found, _TO_LAST)


def _turned(node: Node, x: Node, axes: list[int]) -> Node:
    made = insert(node, _ATEN.permute.default, x, axes)
    with torch.no_grad():
        like = torch.empty(shape_of(x), device="meta").permute(axes)
    made.meta["tensor_meta"] = like
    return made


def _join_bias(module: Any, node: Node) -> None:
    """Add a bias in the convolution."""
    if not is_call(node, "add.Tensor") or node.kwargs or not _is_turned(node.args[0], _TO_LAST):
        return
    turned, bias = node.args
    made = turned.args[0]
    cropped = made
    while is_sole(made, "slice.Tensor"):
        made = made.args[0]
    channels = shape_of(node)[-1]
    if (
        not is_sole(made, "convolution.default")
        or made.args[2] is not None
        or len(turned.users) > 1
        or len(cropped.users) > 1
        or not isinstance(bias, Node)
        or bias.op != "get_attr"
        or tensor_of(bias).numel() != channels
        or shape_of(bias)[-1] != channels
    ):
        return
    name = f"_bias_{len(module._buffers)}"
    module.register_buffer(name, tensor_of(bias).detach().view(-1))
    with module.graph.inserting_before(made):
        vector = module.graph.get_attr(name)
    made.update_arg(2, vector)
    node.replace_all_uses_with(turned)


# Convolutions to few filters: one product for all taps, whose maps are shifted and added.


def _has_few_filters(w: Any, options: Any) -> bool:
    """Return whether a convolution is to be shifted products, by all that comes after its bias."""
    strides, padding, dilation, transposed, _, groups = options
    filters, channels, *window = shape_of(w)
    return (
        len(window) == 2
        and not transposed
        and groups == 1
        and set(strides) == set(dilation) == {1}
        and filters * window[0] * window[1] <= FEW
        and filters < channels
        and all(p < taps for p, taps in zip(padding, window, strict=True))
    )


def _shift_products(module: Any, node: Node) -> None:
    if is_call(node, "convolution.default") and len(shape_of(node)) == 4:
        x, w, bias, *options = node.args
        if _has_few_filters(w, options):
            put(node, shifted_products, x, w, bias, options[1])


def _shift_gradients(module: Any, node: Node) -> None:
    if not is_call(node, "convolution_backward.default") or len(shape_of(node.args[0])) != 4:
        return
    gradient, x, w, _, *options, mask = node.args
    if _has_few_filters(w, options) and not mask[2]:
        put(node, shifted_gradients, gradient, x, w, options[1])


# Margins


def _write_padded(module: Any, node: Node) -> None:
    """Let an activation or its gradient write where its margin is already."""
    if not is_call(node, "constant_pad_nd.default") or len(node.args[1]) != 4 or any(node.args[2:]):
        return
    source, pads = node.args[:2]
    is_relu = is_call(source, "relu.default")
    is_its_gradient = is_call(source, "threshold_backward.default") and source.args[2] == 0
    if min(pads) < 0 or not (is_relu or is_its_gradient):
        return
    target = padded_relu if is_relu else padded_threshold_backward
    maps = [arg for arg in source.args if isinstance(arg, Node)]
    made = insert(source, target, *maps, pads)
    made.meta.update(node.meta)
    node.replace_all_uses_with(made)
    put(source, cropped, made, pads)


def _crop(module: Any, node: Node) -> None:
    """Let a gradient's way back through a padding be a view."""
    if not is_call(node, "constant_pad_nd.default"):
        return
    x, pads = node.args[:2]
    if len(pads) == 4 and max(pads) <= 0:
        put(node, cropped, x, [-pad for pad in pads])


def _transpose_cropped(module: Any, node: Node) -> None:
    """Crop a transposed convolution in its call: oneDNN's has another padding at either end."""
    if not is_call(node, "convolution.default") or len(shape_of(node)) != 4:
        return
    x, w, bias, strides, padding, dilation, transposed, more, groups = node.args
    if not transposed:
        return
    first, last = list(padding), [p - m for p, m in zip(padding, more, strict=True)]
    end = node
    while len(end.users) == 1 and is_call(user := next(iter(end.users)), "slice.Tensor"):
        _, axis, start, stop, *step = user.args
        size = shape_of(end)[axis]
        if axis not in (2, 3) or step not in ([], [1]) or start < 0:
            return
        first[axis - 2] += start
        last[axis - 2] += size - min(stop if stop >= 0 else size + stop, size)
        end = user
    if end is not node:
        more = [a - b for a, b in zip(first, last, strict=True)]
        put(
            end,
            torch.ops.mkldnn._convolution_transpose_pointwise.default,
            *(x, w, bias, first, more, strides, dilation, groups, "none", [], ""),
        )


# Activations


def _clip_over(module: Any, node: Node) -> None:
    """Clip a convolution's result where it is; oneDNN's own clipping makes numbers of NaN."""
    if not is_call(node, "relu.default"):
        return
    if is_sole(node.args[0], "convolution.default", _TRANSPOSED):
        put(node, _ATEN.relu_.default, node.args[0])


def _write_over(module: Any, node: Node) -> None:
    """Let an activation's gradient overwrite what nothing else reads."""
    if not is_call(node, "threshold_backward.default"):
        return
    source = node.args[0]
    while source.target in (_ATEN.permute.default, _ATEN.reshape.default):
        if len(source.users) > 1:
            return
        source = source.args[0]
    is_own = len(source.users) == 1 and (
        source.target is operator.getitem or is_call(source, "mm.default", "add.Tensor")
    )
    if is_own:
        put(node, _ATEN.threshold_backward.grad_input, *node.args, grad_input=node.args[0])


def _sum_whole(module: Any, node: Node) -> None:
    """Sum a gradient with its margin, which lies in one piece."""
    if not is_call(node, "sum.dim_IntList") or node.args[1:] != ([0, 1, 2],):
        return
    turned = node.args[0]
    if not _is_turned(turned, _TO_LAST) or turned.args[0].target is not cropped:
        return
    wide = turned.args[0].args[0]
    if wide.target is padded_threshold_backward:
        node.update_arg(0, insert(node, _ATEN.permute.default, wide, _TO_LAST))
