"""Signs as codes beside all 2^d codes in turn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy.special import entr, expit, log_softmax

from keras_ae.bottlenecks import BinarySphericalQuantizer, LookupFreeQuantizer
from keras_ae.bottlenecks.quantizers.lookup_free import bit_entropy, mean_entropy
from tests.bottlenecks.quantizers import oracles
from tests.bottlenecks.quantizers.cases import called, features
from tests.gradients import gradient

BITS = 10
KINDS = pytest.mark.parametrize("kind", [LookupFreeQuantizer, BinarySphericalQuantizer])
H = features(3, 7, BITS)


def quantizer(kind: Any, bits: int = BITS, **options: Any) -> Any:
    """Return one that is built for seven vectors a row."""
    made = kind(bits, **options)
    made.build((None, 7, bits))
    return made


def seen(kind: Any, h: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the vectors that are compared with codes, and the codes' amplitude."""
    if kind is LookupFreeQuantizer:
        return h.astype("f8"), 1.0
    return oracles.unit(h.astype("f8")), h.shape[-1] ** -0.5


def every_code(bits: int, amplitude: float) -> np.ndarray:
    return amplitude * (2.0 * (np.arange(2**bits)[:, None] >> np.arange(bits) & 1) - 1)


def distribution(z: np.ndarray, amplitude: float, tau: float) -> np.ndarray:
    """Return q(code | z) = softmax of 2 tau z . code over all codes, `(..., 2^d)`."""
    codes = every_code(z.shape[-1], amplitude)
    return np.asarray(np.exp(log_softmax(2 * tau * z @ codes.T, axis=-1)))


@KINDS
def test_codes_are_signs_zero_being_minus(kind: Any) -> None:
    h = H.copy()
    h[0, 0, :4] = [0.0, -0.0, 1e-30, -1e-30]
    z, amplitude = seen(kind, h)
    outputs = called(quantizer(kind), h)
    bits = h > 0
    np.testing.assert_allclose(outputs["quantized"], amplitude * (2.0 * bits - 1), rtol=1e-6)
    np.testing.assert_allclose(outputs["pre_quantized"], z, rtol=1e-5, atol=1e-30)
    np.testing.assert_array_equal(outputs["indices"], oracles.number(bits, [2] * BITS))


@KINDS
@pytest.mark.parametrize("tau", [1.0, 0.3, 100.0])
def test_the_entropy_of_a_vector_is_that_over_all_codes(kind: Any, tau: float) -> None:
    """The identity sum_d H(sigmoid(4 tau a z_d)), at a weight of one, without the mean's."""
    options = {"entropy": 1.0, "diversity": 0.0, "commitment": 0.0, "inverse_temperature": tau}
    z, amplitude = seen(kind, H)
    expected = entr(distribution(z, amplitude, tau)).sum((-1, -2))
    np.testing.assert_allclose(
        called(quantizer(kind, **options), H)["loss"], expected, rtol=1e-4, atol=1e-6
    )
    closed = expit(4 * tau * amplitude * z)
    np.testing.assert_allclose((entr(closed) + entr(1 - closed)).sum((-1, -2)), expected, rtol=1e-6)


@KINDS
def test_the_entropy_of_the_mean_is_exact_for_one_group_and_a_bound_for_more(kind: Any) -> None:
    """Yu et al. (2024), equation 4; Zhao et al. (2024), equation 9: groups of bits."""
    options = {"commitment": 0.0, "inverse_temperature": 3.0}
    z, amplitude = seen(kind, H)
    q = distribution(z, amplitude, 3.0)
    joint, own = entr(q.mean((0, 1))).sum(), entr(q).sum(-1).mean()

    def of_mean(groups: int) -> float:
        both = {**options, "entropy_bits": groups}
        with_mean = called(quantizer(kind, entropy=1.0, diversity=1.0, **both), H)["loss"]
        without = called(quantizer(kind, entropy=1.0, diversity=0.0, **both), H)["loss"]
        return float((without.astype("f8") - with_mean).mean() / H.shape[1])

    assert of_mean(10) == pytest.approx(joint, rel=1e-4)
    halves = q.reshape(3, 7, 32, 32).mean((0, 1))  # the first five bits are the last axis
    groups = entr(halves.sum(0)).sum() + entr(halves.sum(1)).sum()
    assert of_mean(5) == pytest.approx(groups, rel=1e-4)
    bits = expit(12 * amplitude * z).mean((0, 1))
    assert of_mean(1) == pytest.approx((entr(bits) + entr(1 - bits)).sum(), rel=1e-4)
    assert own < joint < groups < of_mean(1)


@KINDS
def test_the_loss_is_entropies_and_a_commitment(kind: Any) -> None:
    layer = quantizer(kind, entropy=0.2, diversity=0.5, commitment=0.7, entropy_bits=10)
    z, amplitude = seen(kind, H)
    q = distribution(z, amplitude, 1.0)
    each = entr(q).sum(-1) - 0.5 * entr(q.mean((0, 1))).sum()
    apart = ((z - np.where(z > 0, amplitude, -amplitude)) ** 2).sum(-1)
    expected = (0.2 * each + 0.7 * apart).sum(1)
    np.testing.assert_allclose(called(layer, H)["loss"], expected, rtol=1e-4, atol=1e-4)


@KINDS
def test_the_gradient_passes_straight_through_unscaled(kind: Any) -> None:
    """BSQ's own program passes 1 / sqrt(d) of it."""
    layer, weights = quantizer(kind), features(*H.shape, seed=1)
    got = gradient(lambda x: ops.sum(ops.multiply(layer(x)["latent"], weights)), H)
    expected = weights.astype("f8")
    if kind is BinarySphericalQuantizer:
        u = oracles.unit(H.astype("f8"))
        tangent = weights - u * (u * weights).sum(-1, keepdims=True)
        expected = tangent / np.linalg.norm(H, axis=-1, keepdims=True)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5)


@KINDS
def test_the_gradient_of_the_loss_is_that_of_differences(kind: Any) -> None:
    layer, h = quantizer(kind, entropy=0.5, entropy_bits=4), features(2, 7, BITS)

    def exact(x: np.ndarray) -> float:
        z, amplitude = seen(kind, x)
        p = expit(4 * amplitude * z)
        each = (entr(p) + entr(1 - p)).sum()
        together = 0.0
        for part in np.split(p, [4, 7], axis=-1):
            ones = every_code(part.shape[-1], 1.0) > 0
            q = np.where(ones, part[..., None, :], 1 - part[..., None, :]).prod(-1)
            together += entr(q.mean((0, 1))).sum()
        apart = ((z - np.where(z > 0, amplitude, -amplitude)) ** 2).sum()
        return float(0.5 * (each - 14 * together) + 0.25 * apart)

    got = gradient(lambda x: ops.sum(layer(x)["loss"]), h)
    for place in [(0, 0, 0), (1, 3, 4), (0, 6, 9), (1, 1, 7)]:
        up, down = h.astype("f8"), h.astype("f8")
        up[place] += 1e-5
        down[place] -= 1e-5
        slope = (exact(up) - exact(down)) / 2e-5
        assert got[place] == pytest.approx(slope, rel=1e-3, abs=1e-4)


@KINDS
@pytest.mark.parametrize(("bits", "groups"), [(18, 1), (19, 2), (31, 2), (40, 3)])
def test_many_bits_have_indices_of_groups(kind: Any, bits: int, groups: int) -> None:
    """2^31 codes and more have no int32; 2^40 codes would fill no memory either."""
    layer, h = quantizer(kind, bits), features(2, 7, bits)
    outputs = called(layer, h)
    sizes = np.array(layer.sizes, "f8")
    assert len(sizes) == groups
    assert np.log2(sizes).sum() == bits
    indices = outputs["indices"].reshape(2, 7, groups)
    start = 0
    for size, number in zip(np.log2(sizes).astype(int), np.moveaxis(indices, -1, 0), strict=True):
        np.testing.assert_array_equal(
            number, oracles.number(h[..., start : start + size] > 0, [2] * size)
        )
        start += size
    again = ops.convert_to_numpy(layer.decode_indices(ops.convert_to_tensor(outputs["indices"])))
    np.testing.assert_array_equal(again, outputs["quantized"])
    assert np.isfinite(outputs["loss"]).all()
    assert np.isfinite(gradient(lambda x: ops.sum(layer(x)["loss"]), h)).all()


@pytest.mark.parametrize("size", [0.0, 30.0, 1e4, 1e30])
def test_entropies_of_bits_that_are_certain_are_zero_and_finite(size: float) -> None:
    logits = np.array([[size, -size]], "float32")
    got = ops.convert_to_numpy(bit_entropy(ops.convert_to_tensor(logits)))
    p = expit(logits.astype("f8"))
    np.testing.assert_allclose(got, entr(p) + entr(expit(-logits.astype("f8"))), atol=1e-7)
    slope = gradient(lambda x: ops.sum(bit_entropy(x)), logits)
    np.testing.assert_allclose(slope, -logits * p * expit(-logits.astype("f8")), atol=1e-7)


def test_the_entropy_of_a_mean_leaves_out_what_has_no_weight() -> None:
    logits, weight = 3 * features(20, 4), (np.arange(20) % 3 > 0).astype("f4")
    p = expit(logits.astype("f8"))
    ones = every_code(4, 1.0) > 0
    q = np.where(ones, p[:, None], 1 - p[:, None]).prod(-1)
    for weights in (None, weight):
        given = None if weights is None else ops.convert_to_tensor(weights)
        got = float(ops.convert_to_numpy(mean_entropy(ops.convert_to_tensor(logits), given)))
        expected = entr(np.average(q, axis=0, weights=weights)).sum()
        assert got == pytest.approx(expected, rel=1e-5)


def test_a_vector_of_no_length_on_the_sphere_is_finite() -> None:
    layer, h = quantizer(BinarySphericalQuantizer), np.zeros((1, 7, BITS), "f4")
    assert all(np.isfinite(v).all() for v in called(layer, h).values())
    assert np.isfinite(gradient(lambda x: ops.sum(layer(x)["loss"]), h)).all()


@pytest.mark.parametrize("options", [{"bits": 0}, {"entropy": -1.0}, {"commitment": -1.0}])
def test_impossible_arguments_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must"):
        LookupFreeQuantizer(**{"bits": 4, **options})
