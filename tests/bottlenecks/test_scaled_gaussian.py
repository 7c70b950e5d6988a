"""Posteriors in units in which codes have unit variance."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

import keras_ae
from keras_ae.bottlenecks import Gaussian, ScaledGaussian
from keras_ae.priors import ScaledNormal, StandardNormal

RNG = np.random.default_rng(0)
H = RNG.normal(size=(40, 3, 2, 5)).astype("f4")


def host(value: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(value), "f8")


def pair() -> tuple[ScaledGaussian, Gaussian, ScaledNormal]:
    """A measured posterior, the plain one with its weights, and the prior in its units."""
    scaled, plain, prior = ScaledGaussian(2), Gaussian(2, each=True), ScaledNormal()
    scaled.build(H.shape)
    plain.build(H.shape)
    for mine, other in zip(plain.trainable_weights, scaled.trainable_weights, strict=True):
        other.assign(RNG.normal(size=mine.shape))
        mine.assign(ops.convert_to_numpy(other))
    prior.make_weights((3, 2, 2), (3, 2, 1))
    scaled.measure(host(scaled(H)["latent"]))
    prior.follow(scaled.shift, scaled.scale)
    return scaled, plain, prior


def test_measured_codes_have_mean_0_and_variance_1() -> None:
    codes = host(pair()[0](H)["latent"]).reshape(-1, 2)
    np.testing.assert_allclose(codes.mean(0), 0.0, atol=1e-5)
    np.testing.assert_allclose(codes.std(0), 1.0, rtol=1e-5)


def test_measuring_twice_changes_nothing_more() -> None:
    scaled = pair()[0]
    before = host(scaled.shift), host(scaled.scale)
    scaled.measure(host(scaled(H)["latent"]))
    for old, new in zip(before, (scaled.shift, scaled.scale), strict=True):
        np.testing.assert_allclose(host(new), old, rtol=1e-5, atol=1e-6)


def test_the_decoder_is_given_the_same_codes() -> None:
    scaled, plain, _ = pair()
    np.testing.assert_allclose(
        host(scaled.to_decoder(scaled(H)["latent"])), host(plain(H)["latent"]), atol=1e-5
    )


def test_divergences_and_densities_are_those_of_other_units() -> None:
    scaled, plain, prior = pair()
    outputs = scaled(H, sample=True)
    standard = StandardNormal()
    np.testing.assert_allclose(
        host(scaled.kl(outputs, prior)), host(plain.kl(plain(H), standard)), rtol=1e-4, atol=1e-4
    )
    moved = {**plain(H), "latent": scaled.to_decoder(outputs["latent"])}
    ratio = scaled.log_prob(outputs) - prior.log_prob(outputs["latent"])
    wanted = plain.log_prob(moved) - standard.log_prob(moved["latent"])
    np.testing.assert_allclose(host(ratio), host(wanted), rtol=1e-3, atol=1e-3)
    unit = 6 * np.log(host(scaled.scale)).sum()
    np.testing.assert_allclose(
        host(scaled.log_prob(outputs)), host(plain.log_prob(moved)) + unit, rtol=1e-4, atol=1e-3
    )


def test_the_prior_is_the_standard_normal_in_the_codes_units() -> None:
    scaled, _, prior = pair()
    z = RNG.normal(size=(4, 3, 2, 2))
    shift, scale = host(scaled.shift), host(scaled.scale)
    wanted = stats.norm(-shift / scale, 1 / scale).logpdf(z).sum((1, 2, 3))
    np.testing.assert_allclose(host(prior.log_prob(ops.convert_to_tensor(z))), wanted, rtol=1e-5)


@pytest.mark.parametrize("alternate", [False, True])
def test_a_fit_scales_the_codes_and_leaves_reconstructions(alternate: bool, tmp_path: Any) -> None:
    x = RNG.random((48, 6, 6, 1)).astype("f4")
    model = keras_ae.create(
        "autoencoder_kl",
        input_shape=(6, 6, 1),
        latent_dim=2,
        hidden=[4],
        critic_hidden=[4],
        alternate=alternate,
    )
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(x, epochs=1, verbose=0)
    codes = model.encode(x).reshape(-1, 2)
    np.testing.assert_allclose(codes.mean(0), 0.0, atol=1e-4)
    np.testing.assert_allclose(codes.std(0), 1.0, rtol=1e-4)
    before = model.reconstruct(x), model.elbo(x, 3)
    model.bottleneck.measure(2.0 * codes.reshape(-1, 3, 3, 2) + 1.0)
    model.prior.follow(model.bottleneck.shift, model.bottleneck.scale)
    np.testing.assert_allclose(model.reconstruct(x), before[0], atol=1e-4)
    np.testing.assert_allclose(model.elbo(x, 3), before[1], rtol=1e-4)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded.encode(x), model.encode(x), atol=1e-5)
    np.testing.assert_allclose(loaded.sample(3, seed=0), model.sample(3, seed=0), atol=1e-5)
