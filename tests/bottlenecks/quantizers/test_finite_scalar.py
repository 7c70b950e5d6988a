"""Finite scalar quantization beside its paper's formulas and the normal distribution."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats
from scipy.special import entr

from keras_ae.bottlenecks import FiniteScalarQuantizer
from tests.bottlenecks.quantizers import oracles
from tests.bottlenecks.quantizers.cases import called, features
from tests.gradients import gradient

GRIDS = [[8, 5, 5, 5], [7, 3], [4], [8, 8, 8, 5, 5, 5], [3, 4, 5, 6, 7]]
SHARES = {
    8: [0.0774, 0.1367, 0.1169, 0.1119, 0.1167, 0.1337, 0.1787, 0.1281],
    5: [0.1657, 0.2336, 0.2014, 0.2336, 0.1657],
}


def quantizer(levels: list[int], symmetric: bool = False) -> Any:
    """Return one that is built for vectors of its length, one a row."""
    made = FiniteScalarQuantizer(levels, symmetric=symmetric)
    made.build((None, 1, len(levels)))
    return made


def outputs_of(layer: Any, z: np.ndarray) -> dict[str, np.ndarray]:
    """Return the outputs of rows of numbers, without the second axis."""
    found = called(layer, z.astype("float32")[:, None])
    return {k: v[:, 0] if k not in ("loss", "signal") else v for k, v in found.items()}


def decoded(layer: Any, numbers: np.ndarray) -> np.ndarray:
    indices = ops.convert_to_tensor(numbers.astype("int32")[:, None])
    return np.asarray(ops.convert_to_numpy(layer.decode_indices(indices)))[:, 0]


@pytest.mark.parametrize("levels", GRIDS, ids=str)
def test_numbers_are_bounded_and_rounded_as_in_the_paper(levels: list[int]) -> None:
    """Mentzer et al. (2024), appendix A.1; codes are whole numbers over floor(L / 2)."""
    z, oracle = 2 * features(2000, len(levels)), oracles.Finite(levels)
    bounded = oracle.bounded(z)
    clear = (abs(bounded - np.floor(bounded) - 0.5) > 1e-4).all(1)
    assert clear.mean() > 0.95
    found = {k: v[clear] for k, v in outputs_of(quantizer(levels), z).items() if len(v) == 2000}
    digits = oracle.digits(z)[clear]
    np.testing.assert_allclose(found["pre_quantized"], (bounded / oracle.unit)[clear], atol=2e-6)
    np.testing.assert_allclose(found["quantized"], oracle.codes(digits), atol=1e-6)
    np.testing.assert_array_equal(found["indices"], oracles.number(digits, levels))
    assert not found["loss"].any()


@pytest.mark.parametrize("levels", [[2, 2, 2], [4, 3, 2, 5], [5, 5, 5]], ids=str)
def test_symmetric_levels_are_the_nearest_to_the_tanh(levels: list[int]) -> None:
    """Parker et al. (2024), equation 1."""
    z, grids = features(2000, len(levels)), [oracles.grid(n) for n in levels]
    z = z[abs(z).min(1) > 1e-3]
    codes, digits = oracles.scalars(np.tanh(z.astype("f8")), grids)
    found = outputs_of(quantizer(levels, symmetric=True), z)
    np.testing.assert_allclose(found["quantized"], codes, atol=1e-6)
    np.testing.assert_array_equal(found["indices"], oracles.number(digits, levels))


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("levels", GRIDS, ids=str)
def test_zero_is_in_the_middle(levels: list[int], symmetric: bool) -> None:
    """With tan in place of atanh an even number of levels would put it a little lower."""
    bounded = outputs_of(quantizer(levels, symmetric), np.zeros((1, len(levels))))["pre_quantized"]
    np.testing.assert_allclose(bounded, 0, atol=1e-6)


@pytest.mark.parametrize("i", [0, 1])
def test_levels_of_a_normal_number_are_as_likely_as_its_distribution_says(i: int) -> None:
    """The numbers between levels are looked up to 1e-6 and compared with SciPy's cdf."""
    levels = [8, 5, 5, 5]
    expected = oracles.Finite(levels).boundaries(i)
    layer, edges = quantizer(levels), []
    for boundary in expected:
        z = np.zeros((4001, 4))
        z[:, i] = boundary + np.linspace(-2e-5, 2e-5, 4001)
        code = outputs_of(layer, z)["quantized"][:, i]
        step = np.flatnonzero(np.diff(code) > 0)
        assert len(np.unique(code)) == 2
        edges.append(z[step, i].mean())
    np.testing.assert_allclose(edges, expected, atol=3e-6)
    shares = np.diff(stats.norm.cdf([-np.inf, *edges, np.inf]))
    exact = np.diff(stats.norm.cdf([-np.inf, *expected, np.inf]))
    np.testing.assert_allclose(shares, exact, atol=1e-6)
    np.testing.assert_allclose(shares, SHARES[levels[i]], atol=5e-5)


def test_the_perplexity_of_normal_numbers_is_944_of_1000() -> None:
    levels, rows = [8, 5, 5, 5], 20000
    z = stats.norm.ppf((np.arange(rows) + 0.5) / rows)
    entropy = 0.0
    digits = np.unravel_index(
        outputs_of(quantizer(levels), np.repeat(z[:, None], 4, axis=1))["indices"],
        levels,
        order="F",
    )
    for digit, base in zip(digits, levels, strict=True):
        shares = np.bincount(digit, minlength=base) / rows
        np.testing.assert_allclose(shares, SHARES[base], atol=2e-4)
        entropy += entr(shares).sum()
    assert math.exp(entropy) == pytest.approx(944.0, abs=0.3)


@pytest.fixture(params=["float32", "mixed_float16", "mixed_bfloat16"])
def _policy(request: pytest.FixtureRequest) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.usefixtures("_policy")
@pytest.mark.parametrize("levels", [[8, 5, 5, 5], [8, 8, 8, 5, 5, 5]], ids=str)
def test_every_code_has_one_number_in_every_precision(levels: list[int]) -> None:
    """The formula in bfloat16 gives 494 of 1000 codes a wrong number."""
    every = np.arange(math.prod(levels))
    digits = np.stack(np.unravel_index(every, levels, order="F"), axis=-1)
    layer, oracle = quantizer(levels), oracles.Finite(levels)
    codes = decoded(layer, every).astype("f4")
    np.testing.assert_allclose(codes, oracle.codes(digits), rtol=4e-3)
    z = oracle.inverse(np.clip(digits - oracle.unit, -oracle.unit + 0.1, oracle.unit - 0.6))
    z = np.where(digits == 0, -9.0, np.where(digits == np.array(levels) - 1, 9.0, z))
    np.testing.assert_array_equal(outputs_of(layer, z)["indices"], every)


def test_very_many_codes_have_exact_numbers() -> None:
    """In float32 69 % of the numbers of 8^9 codes are wrong."""
    levels, numbers = [8] * 9, np.random.default_rng(0).integers(8**9, size=2000)
    numbers[:2] = 0, 8**9 - 1
    layer, oracle = quantizer(levels), oracles.Finite(levels)
    digits = np.stack(np.unravel_index(numbers, levels, order="F"), axis=-1)
    np.testing.assert_array_equal(decoded(layer, numbers), oracle.codes(digits))
    z = np.where(digits == 0, -9, np.where(digits == 7, 9, oracle.inverse(digits - oracle.unit)))
    np.testing.assert_array_equal(outputs_of(layer, z)["indices"], numbers)


@pytest.mark.parametrize("levels", [1500, 1501, 2000, 2001, 5001])
@pytest.mark.parametrize("symmetric", [False, True])
def test_many_levels_end_where_they_should(levels: int, symmetric: bool) -> None:
    """(1 + 0.001) (L - 1) / 2 rounds to a level too many from 1001 levels on."""
    found = outputs_of(quantizer([levels], symmetric), np.array([[-99.0], [99.0], [0.0]]))
    assert found["indices"][:2].tolist() == [0, levels - 1]
    assert abs(found["quantized"]).max() <= 1


@pytest.mark.parametrize("levels", [[8, 5, 4], [7, 3, 6]], ids=str)
def test_the_gradient_is_that_of_the_bound(levels: list[int]) -> None:
    layer, oracle, z = quantizer(levels), oracles.Finite(levels), features(50, 1, 3)
    weights = features(50, 1, 3, seed=1)
    got = gradient(lambda x: ops.sum(ops.multiply(layer(x)["latent"], weights)), z)
    slope = oracle.half * (1 - np.tanh(z.astype("f8") + oracle.shift) ** 2) / oracle.unit
    np.testing.assert_allclose(got, weights * slope, rtol=1e-4, atol=1e-6)


def test_the_gradient_of_symmetric_levels_is_that_of_the_tanh() -> None:
    layer, z, weights = quantizer([4, 2, 5], True), features(50, 1, 3), features(50, 1, 3, seed=1)
    got = gradient(lambda x: ops.sum(ops.multiply(layer(x)["latent"], weights)), z)
    np.testing.assert_allclose(got, weights * (1 - np.tanh(z.astype("f8")) ** 2), rtol=1e-4)


@pytest.mark.parametrize(
    ("levels", "symmetric", "message"),
    [
        ([2, 5], False, "symmetric"),
        ([1, 5], True, "`levels`"),
        ([5, 0], False, "`levels`"),
        ([5, 2.5], False, "`levels`"),
        ([], False, "`levels`"),
        ([8] * 11, False, "codes|int32"),
    ],
)
def test_impossible_levels_are_refused(levels: list[Any], symmetric: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FiniteScalarQuantizer(levels, symmetric=symmetric)


def test_two_levels_are_the_signs_if_symmetric() -> None:
    found = outputs_of(quantizer([2, 2], symmetric=True), np.array([[-0.3, 0.2], [4.0, -5.0]]))
    assert found["quantized"].tolist() == [[-1, 1], [1, -1]]
    assert found["indices"].tolist() == [2, 1]
