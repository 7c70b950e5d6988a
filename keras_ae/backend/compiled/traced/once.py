"""What the steps of a block do alike, done once for all of them.

Operations on single numbers cost a small model's step as much as a product of matrices.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx import Node

from keras_ae.backend.compiled.traced.graphs import is_call, tensor_of


class Once(NamedTuple):
    """What is left for the end of a block.

    Args:
        scales: Factors of the numbers that a step returns, `(numbers,)`.
        shifts: What is added to each after that.
        counters: Tensors with what each step adds to them.
    """

    scales: Tensor
    shifts: Tensor
    counters: list[tuple[Tensor, float]]

    def end(self, numbers: list[Tensor], steps: int) -> Tensor:
        """Count the steps and return the sums of their numbers, `(numbers,)`."""
        for counter, number in self.counters:
            counter.add_(number * steps)
        if not numbers:
            return self.shifts
        totals = torch.stack(numbers).view(steps, -1).sum(0)
        return totals * self.scales + self.shifts * steps


def taken_out(module: Any, first: int, device: Any) -> Once:
    """Take out of a step's graph what can be done at the end of a block.

    Args:
        module: A simplified graph of `make_fx`, changed in place.
        first: Index of its first output that is a number to be summed over the steps.
        device: Where the step computes.
    """
    nodes = list(module.graph.nodes)
    output = nodes[-1]
    found = list(output.args[0])
    affine = [_affine(node) for node in found[first:]]
    output.args = ([*found[:first], *(node for node, _, _ in affine)],)
    counters = [counter for node in nodes if (counter := _counter(module, node)) is not None]
    module.graph.eliminate_dead_code()
    module.recompile()
    scales, shifts = (
        torch.tensor([a[i] for a in affine], dtype=torch.float32, device=device) for i in (1, 2)
    )
    return Once(scales, shifts, counters)


def _affine(node: Any) -> tuple[Any, float, float]:
    """Return (x, scale, shift) of a single number that is scale x + shift."""
    scale, shift = 1.0, 0.0
    while is_call(node, "mul.Scalar", "add.Scalar", "add.Tensor") and not node.kwargs:
        x, number = node.args
        if not isinstance(number, (int, float)) or tensor_of(x).dtype != torch.float32:
            break
        if is_call(node, "mul.Scalar"):
            scale *= number
        else:
            shift += scale * number
        node = x
    return node, scale, shift


def _counter(module: Any, node: Node) -> tuple[Tensor, float] | None:
    """Take out and return what only counts: a tensor that becomes itself plus a number."""
    if not is_call(node, "copy_.default") or node.users or len(node.args) != 2:
        return None
    place, added = node.args
    if not is_call(added, "add.Tensor") or added.kwargs or len(added.users) > 1:
        return None
    source, number = added.args
    if isinstance(number, Node):
        number = _constant(module, number)
    readers = [
        user
        for other in module.graph.nodes
        if other.op == "get_attr" and getattr(module, other.target) is getattr(module, place.target)
        for user in other.users
    ]
    if place.op != "get_attr" or source.op != "get_attr" or number is None:
        return None
    if set(readers) != {node, added}:
        return None
    counter = getattr(module, place.target)
    module.graph.erase_node(node)
    return counter, number


def _constant(module: Any, node: Node) -> float | None:
    if node.op != "get_attr" or isinstance(getattr(module, node.target), torch.nn.Parameter):
        return None
    tensor = getattr(module, node.target)
    return tensor.item() if tensor.numel() == 1 else None
