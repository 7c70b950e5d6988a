"""Small flows of every kind, and what an array of rows becomes under them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae import flows
from keras_ae.flows import Flow
from tests.flows import programs
from tests.flows.programs import steps
from tests.jacobians import jacobian

AUTOREGRESSIVE = ("inverse_autoregressive", "masked_autoregressive")
COUPLINGS = ("affine_coupling", "spline_coupling")
NETWORKS = AUTOREGRESSIVE + COUPLINGS
WEIGHTLESS = ("reverse",)
ONE_DIMENSIONAL = ("planar", "radial", *AUTOREGRESSIVE)

ROWS = 8
CONTEXT_DIM = 3

# What float32 loses in one step, in units of its spacing: a step adds a dozen numbers or so.
ROUNDING = 8 * float(np.finfo("float32").eps)


@dataclass(frozen=True)
class Case:
    """A flow to be made.

    Args:
        name: Registry name.
        depth: Number of steps.
        dim: Size of the vectors.
        conditioned: Whether a context enters.
        scale: Standard deviation of what is added to every initial weight.
    """

    name: str
    depth: int
    dim: int
    conditioned: bool = False
    scale: float = 0.0

    def __str__(self) -> str:
        """Return what tells the case from others in the list of tests."""
        context = "-context" if self.conditioned else ""
        return f"{self.name}-depth{self.depth}-dim{self.dim}{context}-noise{self.scale:g}"


def options(name: str) -> dict[str, Any]:
    """Return the constructor's arguments that keep a flow of this name small."""
    return {"hidden": (16,)} if name in NETWORKS else {}


def made(case: Case) -> Flow:
    """Return the case's flow, built."""
    keras.utils.set_random_seed(11)
    flow = flows.get({"name": case.name, "depth": case.depth, **options(case.name)})
    return built(flow, case.dim, CONTEXT_DIM if case.conditioned else None, case.scale)


def built(flow: Flow, dim: int, context_dim: int | None = None, scale: float = 0.0) -> Flow:
    """Return the flow with weights for vectors of this size, moved by noise of this scale."""
    flow.build((None, dim), None if context_dim is None else (None, context_dim))
    rng = np.random.default_rng(5)
    for weight in flow.trainable_weights:
        initial = ops.convert_to_numpy(weight)
        weight.assign((initial + rng.normal(size=initial.shape, scale=scale)).astype("f4"))
    return flow


def normal(*shape: int, seed: int = 3, scale: float = 1.0) -> np.ndarray:
    """Return independent draws of N(0, scale^2), float32."""
    return np.random.default_rng(seed).normal(size=shape, scale=scale).astype("float32")


def context_of(case: Case, seed: int = 7) -> np.ndarray | None:
    """Return a context for each row, or None where the case takes none."""
    return normal(ROWS, CONTEXT_DIM, seed=seed) if case.conditioned else None


def arrays(pair: tuple[Any, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return a flow's results as NumPy arrays."""
    return ops.convert_to_numpy(pair[0]), ops.convert_to_numpy(pair[1])


def on_arrays(
    method: Callable[..., tuple[Any, Any]], z: np.ndarray, context: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return `method(z, context)`."""
    if programs.loops(method):
        return arrays(programs.values(method, z, context))
    return arrays(method(tensor(z), tensor(context)))


def tensor(array: np.ndarray | None) -> Any:
    """Return the array on the backend; None stays None."""
    return None if array is None else ops.convert_to_tensor(array)


def jacobian_of(
    method: Callable[..., tuple[Any, Any]], z: np.ndarray, context: np.ndarray | None = None
) -> np.ndarray:
    """Return the Jacobian of each row of `method(z, context)[0]`, float64."""
    if programs.loops(method):
        return np.asarray(programs.derivatives(method, z, context)).astype("f8")
    return jacobian(lambda point: method(point, tensor(context))[0], z).astype("f8")


@dataclass(frozen=True)
class Measured:
    """A flow and what rows become under it.

    Args:
        flow: As the case says.
        context: `(batch, context_dim)` or None.
        z: Points `(batch, dim)`, and their images and log-determinants.
        back: The images' inverses, and their log-determinants.
        jacobian: `(batch, dim, dim)` of the transform at z.
        loss: `(batch,)`, how far a row's inverse may be off when every step rounds to float32.
    """

    flow: Flow
    context: np.ndarray | None
    z: np.ndarray
    z_next: np.ndarray
    log_det: np.ndarray
    back: np.ndarray
    back_log_det: np.ndarray
    jacobian: np.ndarray
    loss: np.ndarray


@functools.cache
def measured(case: Case) -> Measured:
    """Return the case's flow with its results at a few points, computed once for all tests."""
    flow, context = made(case), context_of(case)
    z = normal(ROWS, case.dim)
    z_next, log_det = on_arrays(flow.transform, z, context)
    back, back_log_det = on_arrays(flow.invert, z_next, context)
    jacobians = jacobian_of(flow.transform, z, context)
    loss = rounding_loss(flow, z, context)
    return Measured(flow, context, z, z_next, log_det, back, back_log_det, jacobians, loss)


def rounding_loss(
    flow: Flow, z: np.ndarray, context: np.ndarray | None, *, image_first: bool = False
) -> np.ndarray:
    """Return `(batch,)`: how far float32 may take `invert(transform(z))` from z, to first order.

    The value after step k is off by its own rounding, which the steps k, ..., 1 undo: each adds
    rounding * |z_k| * ||(J_k ... J_1)^-1||. With the image first, `transform(invert(z_next))` is
    off from z_next by the same roundings, which the steps k + 1, ..., n stretch:
    rounding * |z_k| * ||J_n ... J_(k+1)||.
    """
    points, jacobians = [z], []
    for step in steps(flow):
        jacobians.append(jacobian_of(step.transform, points[-1], context))
        points.append(on_arrays(step.transform, points[-1], context)[0])
    sizes = [np.maximum(1, abs(point).max(1)) for point in points]
    eye = np.broadcast_to(np.eye(z.shape[1]), (len(z), z.shape[1], z.shape[1]))
    loss = ROUNDING * np.maximum(sizes[0], sizes[-1])
    through = eye
    if image_first:
        for size, step_jacobian in zip(sizes[-2::-1], jacobians[::-1], strict=True):
            through = through @ step_jacobian
            loss = loss + ROUNDING * size * np.linalg.norm(through, 2, axis=(1, 2))
        return loss
    for size, step_jacobian in zip(sizes[1:], jacobians, strict=True):
        through = step_jacobian @ through
        smallest = np.linalg.svd(through, compute_uv=False)[:, -1]
        loss = loss + ROUNDING * size / np.maximum(smallest, 1e-30)
    return loss


def weight_gradients(flow: Flow, loss: Callable[[], Any]) -> list[np.ndarray]:
    """Return d loss() / d w for each trainable weight of the flow, on whatever backend runs."""
    variables = flow.trainable_weights
    match keras.backend.backend():
        case "jax":
            import jax

            def of_values(values: list[Any]) -> Any:
                with keras.StatelessScope(list(zip(variables, values, strict=True))):
                    return loss()

            slope = jax.grad(of_values)
            if programs.loops(flow.transform) or programs.loops(flow.invert):
                slope = jax.jit(slope)
            found = slope([v.value for v in variables])
            return [np.asarray(g) for g in found]
        case "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                value = loss()
            found = tape.gradient(value, [v.value for v in variables], unconnected_gradients="zero")
            return [tf.convert_to_tensor(g).numpy() for g in found]
        case _:
            import torch

            found = torch.autograd.grad(
                loss(), [v.value for v in variables], materialize_grads=True
            )
            return [g.numpy() for g in found]
