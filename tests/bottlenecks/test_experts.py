"""Posteriors of several modalities, beside products and mixtures of densities in SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats
from scipy.special import logsumexp

from keras_ae.bottlenecks import MixtureOfExperts, ProductOfExperts
from keras_ae.bottlenecks.experts import subsets

RNG = np.random.default_rng(0)
WIDTHS = [3, 2, 4]
ROWS = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0], [0, 1, 1]], "f4")


def made(kind: Any, **options: Any) -> tuple[Any, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """A posterior, means and variances of each modality, and the parameters that it has of them."""
    bottleneck = kind(2, WIDTHS, **options)
    h = np.concatenate([RNG.normal(size=(len(ROWS), sum(WIDTHS))), ROWS], axis=1).astype("f4")
    bottleneck.build((None, h.shape[1]))
    means, variances, start = [], [], 0
    for i, width in enumerate(WIDTHS):
        part, start = h[:, start : start + width].astype("f8"), start + width
        heads = bottleneck.heads.means[i], bottleneck.heads.log_vars[i]
        (kernel, bias), (other, shift) = (layer.get_weights() for layer in heads)
        means.append(part @ kernel + bias)
        variances.append(np.exp(part @ other + shift))
    found = bottleneck.distribution(ops.convert_to_tensor(h))
    parameters = {key: ops.convert_to_numpy(value) for key, value in found.items()}
    return bottleneck, np.stack(means, 1), np.stack(variances, 1), parameters


def by_grid(means: Any, variances: Any, with_prior: bool) -> tuple[float, float]:
    """Return mean and variance of a density in proportion to a product of normals, by sums."""
    z = np.linspace(-12, 12, 20_001)
    log = sum(
        (stats.norm(m, np.sqrt(v)).logpdf(z) for m, v in zip(means, variances, strict=True)),
        stats.norm.logpdf(z) if with_prior else np.zeros_like(z),
    )
    weights = np.exp(log - logsumexp(log))
    mean = float((weights * z).sum())
    return mean, float((weights * (z - mean) ** 2).sum())


def test_a_product_is_the_normalised_product_of_prior_and_experts() -> None:
    _, means, variances, found = made(ProductOfExperts)
    for row, present in enumerate(ROWS > 0):
        for d in range(2):
            wanted = by_grid(means[row, present, d], variances[row, present, d], True)
            got = found["mean"][row, d], np.exp(found["log_var"][row, d])
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found["mean"][3], [0, 0])
    np.testing.assert_array_equal(abs(found["log_var"][3]), [0, 0])


def test_a_mixture_has_a_component_for_each_modality_that_is_there() -> None:
    _, means, variances, found = made(MixtureOfExperts)
    np.testing.assert_array_equal(found["available"][[0, 1, 2, 4]], ROWS[[0, 1, 2, 4]])
    for row in (0, 1, 2, 4):
        np.testing.assert_allclose(found["component_means"][row], means[row], rtol=1e-5, atol=1e-6)
        got = np.exp(found["component_log_vars"][row])
        np.testing.assert_allclose(got, variances[row], rtol=1e-5)


def test_subsets_are_all_but_the_empty_one() -> None:
    np.testing.assert_array_equal(subsets(3, False), np.eye(3))
    found = {tuple(row) for row in subsets(3, True).astype(int).tolist()}
    assert len(found) == 7
    assert (0, 0, 0) not in found


def test_components_of_subsets_are_products_of_their_members() -> None:
    bottleneck, means, variances, found = made(MixtureOfExperts, products=True)
    for row, present in enumerate(ROWS > 0):
        if not present.any():
            continue
        for c, members in enumerate(bottleneck.members > 0):
            assert found["available"][row, c] == float((members <= present).all())
            if not found["available"][row, c]:
                continue
            for d in range(2):
                wanted = by_grid(means[row, members, d], variances[row, members, d], False)
                got = (
                    found["component_means"][row, c, d],
                    np.exp(found["component_log_vars"][row, c, d]),
                )
                np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4)


def mixture(mean: np.ndarray, scale: np.ndarray) -> Any:
    """Return the distribution function of an even mixture of normals."""
    return lambda t: stats.norm(mean, scale).cdf(np.asarray(t)[:, None]).mean(1)


@pytest.mark.parametrize("products", [False, True])
def test_density_and_draws_are_the_mixtures(products: bool) -> None:
    bottleneck, _, _, found = made(MixtureOfExperts, products=products)
    for row in range(len(ROWS)):
        one = {key: value[row : row + 1].repeat(20_000, 0) for key, value in found.items()}
        tensors = {key: ops.convert_to_tensor(value) for key, value in one.items()}
        outputs = {**tensors, **bottleneck.draw(tensors)}
        z = ops.convert_to_numpy(outputs["latent"]).astype("f8")
        there = found["available"][row] > 0
        mean = found["component_means"][row, there].astype("f8")
        scale = np.exp(0.5 * found["component_log_vars"][row, there].astype("f8"))
        each = stats.norm(mean[:, None], scale[:, None]).logpdf(z[None]).sum(-1)
        wanted = logsumexp(each, axis=0) - np.log(there.sum())
        got = ops.convert_to_numpy(bottleneck.log_prob(outputs))
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)
        for d in range(2):
            assert stats.kstest(z[:, d], mixture(mean[:, d], scale[:, d])).statistic < 0.015
        code = ops.convert_to_numpy(bottleneck.code(tensors)["latent"])[0]
        np.testing.assert_allclose(code, mean.mean(0), rtol=1e-4, atol=1e-5)


def test_where_nothing_is_there_a_mixture_is_a_standard_normal() -> None:
    _, _, _, found = made(MixtureOfExperts, products=True)
    np.testing.assert_array_equal(found["available"][3], np.eye(7)[0])
    np.testing.assert_array_equal(abs(found["component_means"][3, 0]), [0, 0])
    np.testing.assert_array_equal(abs(found["component_log_vars"][3, 0]), [0, 0])
