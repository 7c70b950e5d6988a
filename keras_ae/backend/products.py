"""Convolutions and all their derivatives, fast on JAX's CPU.

A convolution y of x by w, its gradient by x and its gradient by w are the three sides of one form,
linear in each of x, w and y:

    sum over examples b, places i and taps t of  x[b, stride i + t - first] w[t] y[b, i]

so that each one's derivatives are the other two. XLA convolves forwards by a fast kernel, but what
JAX derives of it by a naive loop; inside of a loop XLA has the fast kernel for the plainest form
only. Here each side is that form, or a product of matrices of which one holds what the windows see.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

FEW = 64
"""Columns up to which a window's inputs, or what an input adds to its windows, are laid out."""


class Geometry(NamedTuple):
    """Where the windows lie.

    Args:
        sizes: Spatial sizes of x.
        window: Taps along each axis.
        strides: Steps from a window to the next.
        first: Places of the first window that lie before x.
        places: Numbers of windows, which are the spatial sizes of y.
    """

    sizes: tuple[int, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    first: tuple[int, ...]
    places: tuple[int, ...]

    @property
    def taps(self) -> int:
        """Taps of a window."""
        return math.prod(self.window)

    @property
    def is_dense(self) -> bool:
        """Whether a window begins at each place."""
        return set(self.strides) == {1}

    def turned(self) -> Geometry:
        """Return the windows in which each x lies, last tap first; of a dense geometry."""
        first = [taps - 1 - n for taps, n in zip(self.window, self.first, strict=True)]
        return Geometry(self.places, self.window, self.strides, tuple(first), self.sizes)


def conv(x: Array, kernel: Array, options: dict[str, Any]) -> Array:
    """Return the convolution of `(batch, *space, channels)`, channels last, not dilated.

    Args:
        x: The map.
        kernel: `(*window, channels, filters)`.
        options: `strides` and `padding`, as of `keras.ops.conv`.
    """
    window, sizes = kernel.shape[:-2], x.shape[1:-1]
    strides, same = _settings(options, len(window))
    axes = [*zip(sizes, window, strides, strict=True)]
    if same:
        places = [-(-n // stride) for n, _, stride in axes]
    else:
        places = [(n - taps) // stride + 1 for n, taps, stride in axes]
    first = [
        max(0, (size - 1) * stride + taps - n) // 2 if same else 0
        for size, (n, taps, stride) in zip(places, axes, strict=True)
    ]
    at = Geometry(sizes, window, strides, tuple(first), tuple(places))
    return _gathered.bind(x.astype(kernel.dtype), kernel, at=at)


def conv_transpose(x: Array, kernel: Array, options: dict[str, Any]) -> Array:
    """Return the transposed convolution of `(batch, *space, channels)`, channels last, not dilated.

    Args:
        x: The map.
        kernel: `(*window, filters, channels)`.
        options: `strides` and `padding`, as of `keras.ops.conv_transpose`.
    """
    window, places = kernel.shape[:-2], x.shape[1:-1]
    strides, same = _settings(options, len(window))
    axes = [*zip(places, window, strides, strict=True)]
    sizes = [
        n * stride if same else (n - 1) * stride + max(taps, stride) for n, taps, stride in axes
    ]
    first = [max(0, taps - stride) // 2 if same else 0 for _, taps, stride in axes]
    at = Geometry(tuple(sizes), window, strides, tuple(first), places)
    return _spread.bind(x.astype(kernel.dtype), kernel, at=at)


def _settings(options: dict[str, Any], rank: int) -> tuple[tuple[int, ...], bool]:
    strides = options.get("strides", 1)
    strides = tuple(strides) if isinstance(strides, (list, tuple)) else (strides,) * rank
    return strides, options.get("padding", "valid") == "same"


# The three sides. `y` is also what comes down to it, `(batch, *places, filters)`.


def _gather(x: Array, w: Array, *, at: Geometry) -> Array:
    """Return y: what each window sees, weighted."""
    channels, filters = w.shape[-2:]
    if at.taps * channels <= FEW:
        return _seen(x, at) @ w.reshape(-1, filters)
    if at.is_dense and at.taps * filters <= FEW:
        return _added(x, w, at)
    pads = [
        (first, (size - 1) * stride + taps - first - n)
        for n, taps, stride, first, size in zip(*at, strict=True)
    ]
    return lax.conv_general_dilated(x, w, at.strides, pads, dimension_numbers=_numbers(w))


def _scatter(y: Array, w: Array, *, at: Geometry) -> Array:
    """Return x: each y spread over its window, weighted."""
    turned = jnp.swapaxes(jnp.flip(w, range(len(at.window))), -1, -2)
    if at.is_dense:
        return _gather(y, turned, at=at.turned())
    pads = [
        (taps - 1 - first, n + first - 1 - (size - 1) * stride)
        for n, taps, stride, first, size in zip(*at, strict=True)
    ]
    return lax.conv_general_dilated(
        y, turned, (1,) * len(pads), pads, lhs_dilation=at.strides, dimension_numbers=_numbers(w)
    )


def _correlate(x: Array, y: Array, *, at: Geometry) -> Array:
    """Return w: each window's inputs times its y, summed."""
    channels, filters = x.shape[-1], y.shape[-1]
    if at.is_dense and filters < channels:  # The narrower of both is laid out.
        w = _correlate_seen(y, x, at.turned())
        return jnp.swapaxes(jnp.flip(w, range(len(at.window))), -1, -2)
    return _correlate_seen(x, y, at)


def _correlate_seen(x: Array, y: Array, at: Geometry) -> Array:
    seen = _seen(x, at)
    # The fewer rows first: XLA takes half again as long for the other order.
    found = y.reshape(-1, y.shape[-1]).T @ seen.reshape(-1, seen.shape[-1])
    return found.T.reshape(*at.window, x.shape[-1], y.shape[-1])


def _seen(x: Array, at: Geometry) -> Array:
    """Return what each window sees, `(batch, *places, taps * channels)`."""
    pads = [
        (first, max(0, (size - 1) * stride + taps - first - n))
        for n, taps, stride, first, size in zip(*at, strict=True)
    ]
    x = jnp.pad(x, [(0, 0), *pads, (0, 0)])
    columns = []
    for tap in itertools.product(*map(range, at.window)):
        axes = zip(tap, at.places, at.strides, strict=True)
        columns.append(x[:, *(slice(k, k + stride * (n - 1) + 1, stride) for k, n, stride in axes)])
    return jnp.concatenate(columns, axis=-1)


def _added(x: Array, w: Array, at: Geometry) -> Array:
    """Return y of few filters: one product for all taps, whose maps are shifted and added."""
    channels, filters = w.shape[-2:]
    by_tap = jnp.swapaxes(w, -1, -2).reshape(-1, channels)
    maps = (by_tap @ x.reshape(-1, channels).T).reshape(at.taps, filters, *x.shape[:-1])
    pads = [
        (first, max(0, size + taps - 1 - first - n))
        for n, taps, _, first, size in zip(*at, strict=True)
    ]
    maps = jnp.pad(maps, [(0, 0), (0, 0), (0, 0), *pads])
    total: Any = 0.0
    for index, tap in enumerate(itertools.product(*map(range, at.window))):
        places = [slice(k, k + n) for k, n in zip(tap, at.places, strict=True)]
        total = total + maps[index, :, :, *places]
    return jnp.moveaxis(total, 0, -1)


def _numbers(w: Array) -> Any:
    space = "DHW"[-(w.ndim - 2) :]
    return f"N{space}C", f"{space}IO", f"N{space}C"


def _primitive(name: str, function: Callable[..., Array]) -> Primitive:
    """Return a bilinear function as one that JAX differentiates by rules, given below."""
    made = Primitive(f"keras_ae_{name}")
    made.def_impl(jax.jit(function, static_argnames="at"))
    made.def_abstract_eval(
        lambda a, b, *, at: jax.typeof(jax.eval_shape(functools.partial(function, at=at), a, b))
    )
    mlir.register_lowering(made, mlir.lower_fun(function, multiple_results=False))

    def batched(arguments: Any, axes: Any, *, at: Geometry) -> tuple[Array, int]:
        return jax.vmap(functools.partial(function, at=at), in_axes=axes)(*arguments), 0

    batching.primitive_batchers[made] = batched
    return made


_gathered = _primitive("convolution", _gather)  # (x, w) -> y
_spread = _primitive("convolution_by_input", _scatter)  # (y, w) -> x
_correlated = _primitive("convolution_by_kernel", _correlate)  # (x, y) -> w

ad.defbilinear(
    _gathered,
    lambda y, x, w, *, at: _spread.bind(y, w, at=at),
    lambda y, x, w, *, at: _correlated.bind(x, y, at=at),
)
ad.defbilinear(
    _spread,
    lambda x, y, w, *, at: _gathered.bind(x, w, at=at),
    lambda x, y, w, *, at: _correlated.bind(x, y, at=at),
)
ad.defbilinear(
    _correlated,
    lambda w, x, y, *, at: _spread.bind(y, w, at=at),
    lambda w, x, y, *, at: _gathered.bind(x, w, at=at),
)
