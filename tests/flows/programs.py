"""Flows with loops as JAX programs, each compiled once for all flows that differ in weights only.

An eager loop compiles at each call on JAX, which would be most of the time of these tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_ae import flows
from keras_ae.flows import Flow, Stack

# The kinds whose map or inverse is a loop.
LOOPS: dict[str, tuple[type[Flow], ...]] = {
    "transform": (flows.Householder, flows.MaskedAutoregressive, flows.Sylvester),
    "invert": (flows.Householder, flows.InverseAutoregressive, flows.Planar, flows.Sylvester),
}

_PROGRAMS: dict[tuple[Any, ...], Callable[..., Any]] = {}


def steps(flow: Flow) -> list[Flow]:
    """Return the steps of a stack, or the flow alone."""
    return list(flow.arguments["flows"]) if isinstance(flow, Stack) else [flow]


def loops(method: Any) -> bool:
    """Return whether JAX runs, and a step of this method's flow loops in its direction."""
    kinds = LOOPS.get(getattr(method, "__name__", ""), ())
    return keras.backend.backend() == "jax" and any(
        isinstance(step, kinds) for step in steps(getattr(method, "__self__", method))
    )


def values(method: Any, z: np.ndarray, context: np.ndarray | None) -> Any:
    """Return `method(z, context)`."""
    return _program(method, z, context, "values")


def derivatives(method: Any, z: np.ndarray, context: np.ndarray | None) -> Any:
    """Return the Jacobian of each row of `method(z, context)[0]`, `(batch, dim, dim)`."""
    return _program(method, z, context, "derivatives")


def _program(method: Any, z: np.ndarray, context: np.ndarray | None, wanted: str) -> Any:
    import jax

    variables = method.__self__.trainable_weights
    shapes = tuple(tuple(v.shape) for v in variables)
    config = str([(type(step), step.get_config()) for step in steps(method.__self__)])
    what = (method.__name__, wanted, config, shapes, z.shape, context is None)

    # Closes over the first flow of these shapes; the weights of the others come as arguments.
    def program(weights: list[Any], point: Any, given: Any) -> Any:
        with keras.StatelessScope(list(zip(variables, weights, strict=True))):
            if wanted == "values":
                return method(point, given)
            total = jax.jacrev(lambda rows: method(rows, given)[0].sum(0))(point)
            return jax.numpy.moveaxis(total, 0, 1)

    if what not in _PROGRAMS:
        _PROGRAMS[what] = jax.jit(program)
    return _PROGRAMS[what]([v.value for v in variables], z, context)
