from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from keras_ae.backend import products

RNG = np.random.default_rng(0)


def drawn(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


def form(x: np.ndarray, w: np.ndarray, y: np.ndarray, at: products.Geometry) -> float:
    """Return the sum over windows and taps, one by one."""
    total = 0.0
    for place in itertools.product(*map(range, at.places)):
        for tap in itertools.product(*map(range, at.window)):
            axes = zip(place, at.strides, tap, at.first, strict=True)
            seen = tuple(i * stride + t - first for i, stride, t, first in axes)
            if all(0 <= k < n for k, n in zip(seen, at.sizes, strict=True)):
                total += float(np.einsum("bc,cf,bf->", x[:, *seen], w[*tap], y[:, *place]))
    return total


def geometry(rank: int, stride: int, taps: int) -> products.Geometry:
    sizes = (5, 4, 3)[:rank]
    places = tuple(-(-n // stride) for n in sizes)
    first = tuple(
        max(0, (m - 1) * stride + taps - n) // 2 for m, n in zip(places, sizes, strict=True)
    )
    return products.Geometry(sizes, (taps,) * rank, (stride,) * rank, first, places)


@pytest.mark.parametrize("channels", [(1, 9), (9, 1), (9, 10)], ids=str)
@pytest.mark.parametrize(
    ("rank", "stride", "taps"), [(1, 1, 3), (1, 2, 4), (1, 3, 2), (2, 1, 3), (2, 2, 3), (3, 2, 2)]
)
def test_the_three_sides_are_of_one_form(
    rank: int, stride: int, taps: int, channels: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "FEW", 27)
    at = geometry(rank, stride, taps)
    x, w = drawn(2, *at.sizes, channels[0]), drawn(*at.window, *channels)
    y = drawn(2, *at.places, channels[1])
    sides = (
        np.vdot(products._gather(x, w, at=at), y),
        np.vdot(products._scatter(y, w, at=at), x),
        np.vdot(products._correlate(x, y, at=at), w),
    )
    np.testing.assert_allclose(sides, form(x, w, y, at), rtol=1e-4, atol=1e-4)


def plain(x: Any, w: Any) -> Any:
    numbers = ("NHC", "HIO", "NHC")
    return jax.lax.conv_general_dilated(x, w, (2,), ((0, 1),), dimension_numbers=numbers)


def ours(x: Any, w: Any) -> Any:
    return products.conv(x, w, {"strides": 2, "padding": "same"})


def twice(function: Callable[[Any, Any], Any]) -> Any:
    """Return a kernel's gradient of a penalty on the gradient by x."""

    def penalty(x: Any, w: Any) -> Any:
        slope = jax.grad(lambda x: (function(x, w) ** 3).sum())(x)
        return (slope**2).sum()

    return jax.grad(penalty, (0, 1))


def by_kernel_twice(function: Callable[[Any, Any], Any]) -> Any:
    def penalty(x: Any, w: Any) -> Any:
        slope = jax.grad(lambda w: (function(x, w) ** 3).sum())(w)
        return (slope**2).sum()

    return jax.grad(penalty, (0, 1))


def forward(function: Callable[[Any, Any], Any]) -> Any:
    return lambda x, w: (jax.jacfwd(function, 1)(x, w), jax.jacrev(function)(x, w))


@pytest.mark.parametrize("derivative", [twice, by_kernel_twice, forward])
def test_derivatives_of_every_order_and_kind(derivative: Any) -> None:
    x, w = drawn(2, 6, 13), drawn(3, 13, 9)
    for found, wanted in zip(derivative(ours)(x, w), derivative(plain)(x, w), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


def test_it_is_a_program_of_the_plainest_convolutions() -> None:
    x, w = drawn(2, 6, 25), drawn(3, 25, 9)
    lowered = jax.jit(jax.grad(lambda x, w: (ours(x, w) ** 2).sum(), (0, 1))).lower(x, w)
    # Forwards and by x; the gradient by the kernel is a product.
    assert lowered.as_text().count("stablehlo.convolution") == 2
    assert "dot_general" in lowered.as_text()
