"""Maps of a training step on torch's CPU: few filters by products of matrices, and margins.

All are `(batch, channels, height, width)`, their channels last in memory.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor


def shifted_products(x: Tensor, w: Tensor, bias: Tensor | None, padding: list[int]) -> Tensor:
    """Return a convolution with stride 1.

    Args:
        x: `(batch, channels, height, width)`, as are all maps here, its channels last in memory.
        w: `(filters, channels, *window)`.
        bias: `(filters,)` or None.
        padding: Zeros before and after each axis.
    """
    (n, channels, *sizes), (filters, _, *window) = x.shape, w.shape
    by_tap = w.permute(2, 3, 0, 1).reshape(-1, channels)
    maps = torch.mm(by_tap, x.permute(0, 2, 3, 1).reshape(-1, channels).t())
    maps = maps.view(-1, filters, n, *sizes)
    total = x.new_zeros(filters, n, *(s + t - 1 for s, t in zip(sizes, window, strict=True)))
    for k, places in enumerate(_places(sizes, window)):
        total[:, :, *places].add_(maps[k])
    total = total[:, :, *_inner(sizes, window, padding)]
    if bias is not None:
        total = total + bias.view(-1, 1, 1, 1)
    return total.transpose(0, 1)


def shifted_gradients(
    gradient: Tensor, x: Tensor, w: Tensor, padding: list[int]
) -> tuple[Tensor, Tensor]:
    """Return the gradients of `shifted_products` by x and w."""
    (n, channels, *sizes), (filters, _, *window) = x.shape, w.shape
    count = window[0] * window[1]
    wide = x.new_zeros(filters, n, *(s + t - 1 for s, t in zip(sizes, window, strict=True)))
    wide[:, :, *_inner(sizes, window, padding)].copy_(gradient.transpose(0, 1))
    maps = x.new_empty(count, filters, n, *sizes)
    for k, places in enumerate(_places(sizes, window)):
        maps[k].copy_(wide[:, :, *places])
    maps = maps.view(count * filters, n, -1)
    by_tap = w.permute(2, 3, 0, 1).reshape(-1, channels)
    to_x = torch.mm(maps.view(count * filters, -1).t(), by_tap).view(n, *sizes, channels)
    to_w = torch.bmm(maps.transpose(0, 1), x.permute(0, 2, 3, 1).reshape(n, -1, channels)).sum(0)
    return to_x.permute(0, 3, 1, 2), to_w.view(*window, filters, channels).permute(2, 3, 0, 1)


def _places(sizes: list[int], window: list[int]) -> list[tuple[slice, ...]]:
    """Return where each tap's map lies in their sum."""
    return [
        tuple(slice(t - 1 - k, t - 1 - k + s) for k, t, s in zip(tap, window, sizes, strict=True))
        for tap in itertools.product(*map(range, window))
    ]


def _inner(sizes: list[int], window: list[int], padding: list[int]) -> tuple[slice, ...]:
    """Return where the convolution's map lies in that sum."""
    return tuple(slice(t - 1 - p, s + p) for s, t, p in zip(sizes, window, padding, strict=True))


def padded_relu(x: Tensor, pads: list[int]) -> Tensor:
    """Return max(x, 0) in a margin of zeros.

    Args:
        x: A map.
        pads: Zeros to the left, to the right, above and below.
    """
    wide = _margin(x, pads)
    torch.ops.aten.relu.out(x, out=cropped(wide, pads))
    return wide


def padded_threshold_backward(gradient: Tensor, y: Tensor, pads: list[int]) -> Tensor:
    """Return the gradient of `padded_relu`'s input where y is its output, in a margin of zeros."""
    wide = _margin(gradient, pads)
    torch.ops.aten.threshold_backward.grad_input(gradient, y, 0, grad_input=cropped(wide, pads))
    return wide


def cropped(x: Tensor, pads: list[int]) -> Tensor:
    """Return a map without its margin."""
    left, right, above, below = pads
    return x[:, :, above : x.shape[2] - below, left : x.shape[3] - right]


def _margin(x: Tensor, pads: list[int]) -> Tensor:
    n, channels, height, width = x.shape
    left, right, above, below = pads
    wide = x.new_empty(n, height + above + below, width + left + right, channels)
    for edge in (
        wide[:, :above],
        wide[:, height + above :],
        wide[:, :, :left],
        wide[:, :, width + left :],
    ):
        if edge.numel():
            edge.zero_()
    return wide.permute(0, 3, 1, 2)
