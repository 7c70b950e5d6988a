from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from scipy.signal import correlate2d

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="is about torch's traces"
)


def random(*shape: int, seed: int = 0) -> Any:
    import torch

    numbers = np.random.default_rng(seed).normal(size=shape).astype("float32")
    return torch.from_numpy(numbers)


@pytest.mark.parametrize("padding", [(0, 0), (1, 2), (2, 1)])
@pytest.mark.parametrize("filters", [1, 2])
def test_shifted_products_are_a_convolution(padding: tuple[int, int], filters: int) -> None:
    from keras_ae.backend.compiled.traced.maps import shifted_gradients, shifted_products

    x, w, bias = random(2, 4, 6, 5), random(filters, 4, 3, 4, seed=1), random(filters, seed=2)
    wide = np.pad(x.numpy(), [(0, 0), (0, 0), *((p, p) for p in padding)]).astype("float64")
    wanted = np.array(
        [
            [
                sum(correlate2d(image[c], kernel[c], "valid") for c in range(4)) + b
                for kernel, b in zip(w.numpy(), bias.numpy(), strict=True)
            ]
            for image in wide
        ]
    )
    found = shifted_products(x, w, bias, [*padding])
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)

    gradient = random(*found.shape, seed=3)
    to_x, to_w = shifted_gradients(gradient, x, w, [*padding])
    e = gradient.numpy().astype("float64")
    wanted_w = [
        [sum(correlate2d(wide[b, c], e[b, f], "valid") for b in range(2)) for c in range(4)]
        for f in range(filters)
    ]
    np.testing.assert_allclose(to_w, wanted_w, rtol=1e-5, atol=1e-5)
    # The convolution is linear in x: <gradient, convolution(v)> = <to_x, v> for each v.
    v = random(*x.shape, seed=4)
    left = float((gradient * shifted_products(v, w, None, [*padding])).sum())
    assert float((to_x * v).sum()) == pytest.approx(left, rel=1e-4)


def test_activations_write_into_a_margin_of_zeros() -> None:
    from keras_ae.backend.compiled.traced.maps import (
        cropped,
        padded_relu,
        padded_threshold_backward,
    )

    x, pads = random(2, 3, 4, 5), [1, 2, 0, 3]
    wide = [(0, 0), (0, 0), (0, 3), (1, 2)]
    found = padded_relu(x, pads)
    clipped = np.maximum(x.numpy(), 0)
    np.testing.assert_array_equal(found, np.pad(clipped, wide))
    y, gradient = cropped(found, pads), random(2, 3, 4, 5, seed=1)
    np.testing.assert_array_equal(y, clipped)
    wanted = np.pad(np.where(clipped > 0, gradient.numpy(), 0), wide)
    np.testing.assert_array_equal(padded_threshold_backward(gradient, y, pads), wanted)
