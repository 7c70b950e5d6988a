from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import special, stats

import keras_ae

RNG = np.random.default_rng(0)
X = RNG.normal(size=(9, 6)).astype("float32")


@pytest.mark.parametrize("variant", ["mixture_vae", "vade"])
def test_responsibilities_are_the_components_shares_at_the_posterior_mean(variant: str) -> None:
    model: Any = keras_ae.create(variant, input_shape=(6,), latent_dim=2, components=3, hidden=[4])
    prior = model.prior
    logits, means, log_vars = (
        RNG.normal(size=v.shape) for v in (prior.logits, prior.means, prior.log_vars)
    )
    for variable, array in zip(
        (prior.logits, prior.means, prior.log_vars), (logits, means, log_vars), strict=True
    ):
        variable.assign(array)
    z = model.posterior(X)["mean"].astype("f8")
    density = stats.norm.logpdf(z[:, None], means, np.exp(log_vars / 2)).sum(-1)
    wanted = special.softmax(special.log_softmax(logits) + density, axis=1)
    found = model.responsibilities(X)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(model.responsibilities(X), found)
    np.testing.assert_allclose(model.responsibilities(X[:2]), found[:2], rtol=1e-4, atol=1e-6)


def test_a_rate_is_of_the_whole_mixture() -> None:
    model: Any = keras_ae.create(
        "mixture_vae", input_shape=(6,), latent_dim=2, components=3, hidden=[4]
    )
    outputs = model.autoencode(model.batch(ops.convert_to_tensor(X)), sample=True)
    terms = model.terms(ops.convert_to_tensor(X), None, outputs)
    mean, log_var, z = (
        ops.convert_to_numpy(outputs[key]).astype("f8") for key in ("mean", "log_var", "latent")
    )
    means = ops.convert_to_numpy(model.prior.means)  # of equal weights and variances at first
    mixed = special.logsumexp(stats.norm.logpdf(z[:, None], means).sum(-1), axis=1) - np.log(3)
    wanted = (stats.norm.logpdf(z, mean, np.exp(log_var / 2)).sum(1) - mixed).mean()
    assert float(ops.convert_to_numpy(terms["kl"])) == pytest.approx(wanted, rel=1e-4, abs=1e-5)


def test_one_component_is_responsible_for_all() -> None:
    model = keras_ae.create("mixture_vae", input_shape=(6,), latent_dim=2, components=1, hidden=[4])
    np.testing.assert_array_equal(model.responsibilities(X), np.ones((9, 1)))


def test_responsibilities_need_a_mixture() -> None:
    vae: Any = keras_ae.create("vae", input_shape=(6,), latent_dim=2, hidden=[4])
    with pytest.raises(ValueError, match="a prior that is a mixture of normals.*gaussian_mixture"):
        vae.responsibilities(X)
