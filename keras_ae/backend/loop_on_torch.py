"""A loop in a program that torch exports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch._higher_order_ops.while_loop import while_loop_op
from torch.fx.experimental.proxy_tensor import make_fx

State = tuple[torch.Tensor, ...]


def exported_loop(times: int, body: Callable[[Any, State], State], state: State) -> State:
    """Return the state after so many steps, in one operation of the program.

    The operation takes a body as a graph whose tensors are all inputs. The body is traced here, and
    what it holds besides its inputs (weights, and tensors made before the loop) is given to both.
    """

    def step(i: torch.Tensor, *now: torch.Tensor) -> State:
        return (i + 1, *body(i.to(torch.int32), now))

    carried = (torch.zeros((), dtype=torch.int64), *state)
    # Not `carried` itself: a body may hold the tensors that the state begins with.
    graph = make_fx(step, pre_dispatch=True)(*(tensor.clone() for tensor in carried))
    held = _as_inputs(graph)

    def goes_on(i: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        return i < times

    last = while_loop_op(goes_on, lambda *given: tuple(graph(*given)), carried, tuple(held))
    return tuple(last[1:])


def _as_inputs(graph: Any) -> list[torch.Tensor]:
    """Make the tensors that a graph holds its last inputs, and return them."""
    nodes = graph.graph.nodes
    *_, place = (node for node in nodes if node.op == "placeholder")
    inputs: dict[int, Any] = {}
    held = []
    for node in [node for node in nodes if node.op == "get_attr"]:
        tensor = getattr(graph, node.target)
        if not isinstance(tensor, torch.Tensor):  # the body of a loop within
            continue
        if id(tensor) not in inputs:
            held.append(tensor)
            with graph.graph.inserting_after(place):
                place = inputs[id(tensor)] = graph.graph.placeholder(f"held_{len(held)}")
        node.replace_all_uses_with(inputs[id(tensor)])
        graph.graph.erase_node(node)
    graph.recompile()
    return held
