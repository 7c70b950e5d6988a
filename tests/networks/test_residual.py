from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from scipy.special import erf

from keras_ae.networks import residual

RNG = np.random.default_rng(0)


def gelu(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * x * (1 + erf(x / np.sqrt(2))))


def conv(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A convolution of maps that keeps their size."""
    half = len(kernel) // 2
    padded = np.pad(x, ((0, 0), (half, half), (half, half), (0, 0)))
    out = np.zeros((*x.shape[:-1], kernel.shape[-1])) + bias
    for i in range(len(kernel)):
        for j in range(len(kernel)):
            part = padded[:, i : i + x.shape[1], j : j + x.shape[2]]
            out += part @ kernel[i, j]
    return out


def test_a_block_is_four_convolutions_behind_gelus() -> None:
    network = residual.block((5, 4, 3), 6, "block", middle=2)
    for weight in network.weights:
        weight.assign(RNG.normal(size=weight.shape))
    x = RNG.normal(size=(2, 5, 4, 3)).astype("f4")
    weights = [np.array(ops.convert_to_numpy(w), "f8") for w in network.weights]
    wanted = x.astype("f8")
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        wanted = conv(gelu(wanted), kernel, bias)
    assert [w.shape[0] for w in weights[::2]] == [1, 3, 3, 1]
    got = ops.convert_to_numpy(network(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("scale", [0.0, 0.25, 1.0])
def test_the_last_kernel_begins_scaled(scale: float) -> None:
    kernel = residual.block((4, 4, 3), 400, "block", middle=100, scale=scale).layers[-1].kernel
    found = float(np.std(ops.convert_to_numpy(kernel)))
    assert found == pytest.approx(scale / 10, rel=0.03)


def test_small_maps_have_no_kernel_that_is_larger_than_they_are() -> None:
    network = residual.block((2, 7, 3), 3, "block")
    kernels = [tuple(w.shape[:2]) for w in network.weights if len(w.shape) == 4]
    assert kernels == [(1, 1)] * 4
