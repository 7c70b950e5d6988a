"""Bounds on log p(x), beside models whose log p(x) is known."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from scipy import special, stats
from sklearn.decomposition import PCA

import keras_ae
from keras_ae import bounds, posterior_draws
from keras_ae.bottlenecks import Categorical, Deterministic, Gaussian
from keras_ae.objectives import KLDivergence, Reconstruction

RNG = np.random.default_rng(0)
LOADINGS = RNG.normal(size=(2, 6))
X = (RNG.normal(size=(300, 2)) @ LOADINGS + 0.5 * RNG.normal(size=(300, 6)) + 1.0).astype("f4")


def linear(scale: float = 0.5, **options: Any) -> Any:
    """A VAE of which encoder and decoder are linear: probabilistic PCA."""
    return keras_ae.create(
        "vae",
        input_shape=(6,),
        latent_dim=2,
        hidden=[],
        likelihood={"name": "gaussian", "scale": scale},
        **options,
    )


def with_exact_posterior(model: Any, shift: float = 0.0, wider: float = 0.0) -> Any:
    """The model with the weights of x = W z + 1 + noise, its posterior moved by so much.

    Tipping and Bishop (1999), equation 12.3: q(z | x) = N(M^-1 W'(x - mu), s^2 M^-1). W's columns
    are made orthogonal, so that the posterior's coordinates are independent.
    """
    u, singular, _ = np.linalg.svd(LOADINGS.T, full_matrices=False)
    w = u * singular
    m = singular**2 + 0.25
    encoder = w / m
    model.bottleneck.mean_head.set_weights([encoder, -np.ones(6) @ encoder + shift])
    log_var = np.log(0.25 / m) + wider
    model.bottleneck.log_var_head.set_weights([np.zeros((6, 2)), log_var])
    model.decoder.set_weights([w.T, np.ones(6)])
    return stats.multivariate_normal(np.ones(6), w @ w.T + 0.25 * np.eye(6))


@pytest.mark.parametrize("samples", [1, 7, 130])
def test_under_the_exact_posterior_every_bound_is_log_p(samples: int) -> None:
    model = linear()
    exact = with_exact_posterior(model).logpdf(X)
    np.testing.assert_allclose(model.log_prob(X, samples), exact, atol=2e-4)
    np.testing.assert_allclose(model.elbo(X, samples), exact, atol=2e-4)


def test_the_bound_rises_with_the_samples_to_log_p() -> None:
    model = linear()
    exact = with_exact_posterior(model, shift=0.3, wider=0.5).logpdf(X).mean()
    found = [model.log_prob(X, k, seed=1).mean() for k in (1, 4, 16, 64, 1024)]
    assert (np.diff(found) > 0).all()
    assert found[0] < exact - 0.3
    assert found[-1] == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("prior", ["standard_normal", "conditional_normal"])
def test_under_the_exact_posterior_a_conditional_bound_is_log_p_given_c(prior: str) -> None:
    c = RNG.normal(size=(300, 3)).astype("f4")
    model = keras_ae.create(
        "conditional_vae",
        input_shape=(6,),
        latent_dim=2,
        hidden=[],
        likelihood={"name": "gaussian", "scale": 0.5},
        condition=3,
        prior={"name": prior, **({"hidden": []} if prior == "conditional_normal" else {})},
    )
    # x = W z + B c + 1 + noise with z ~ N(A c, diag s), so x | c is normal, and z | x, c too.
    u, singular, _ = np.linalg.svd(LOADINGS.T, full_matrices=False)
    w, b = u * singular, RNG.normal(size=(6, 3))
    a, s = np.zeros((2, 3)), np.ones(2)
    if prior == "conditional_normal":
        a, s = RNG.normal(size=(2, 3)), np.array([0.5, 2.0])
        kernel = np.concatenate([a.T, np.zeros((3, 2))], axis=1)
        model.prior.last.set_weights([kernel, np.concatenate([np.zeros(2), np.log(s)])])
    precision = singular**2 / 0.25 + 1 / s
    of_x = w / 0.25 / precision
    of_c = (a / s[:, None]).T / precision - b.T @ of_x
    model.bottleneck.mean_head.set_weights([np.concatenate([of_x, of_c]), -np.ones(6) @ of_x])
    model.bottleneck.log_var_head.set_weights([np.zeros((9, 2)), -np.log(precision)])
    model.decoder.set_weights([np.concatenate([w.T, b.T]), np.ones(6)])
    noise = stats.multivariate_normal(np.zeros(6), (w * s) @ w.T + 0.25 * np.eye(6))
    exact = noise.logpdf(X - 1.0 - c @ (w @ a + b).T)
    rows = {"x": X, "condition": c}
    for samples in (1, 5):
        np.testing.assert_allclose(model.log_prob(rows, samples), exact, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(model.elbo(rows), exact, rtol=1e-5, atol=1e-3)
    stream = ({"x": X[k : k + 100], "condition": c[k : k + 100]} for k in range(0, 300, 100))
    np.testing.assert_allclose(model.log_prob(stream, 2), exact, rtol=1e-5, atol=1e-3)
    # Under another row's condition the density is another, and of that row alone.
    swapped = c.copy()
    swapped[0] = c[1]
    moved = abs(model.log_prob({"x": X, "condition": swapped}) - exact)
    assert moved[0] > 0.1
    assert moved[1:].max() < 1e-3
    parts = model.decompose(rows, 60)  # of which the rate is in closed form
    assert parts.elbo == pytest.approx(exact.mean(), abs=0.05)


def test_one_sample_is_the_elbo() -> None:
    model = linear()
    with_exact_posterior(model, shift=0.5)
    np.testing.assert_allclose(model.log_prob(X, 1, seed=3), model.elbo(X, 1, seed=3), rtol=1e-6)


def test_a_learned_linear_model_meets_probabilistic_pca() -> None:
    wanted = PCA(2).fit(X).score(X)
    keras.utils.set_random_seed(0)
    model = keras_ae.create(
        "vae", input_shape=(6,), latent_dim=2, hidden=[], likelihood="calibrated_gaussian"
    )
    rate = keras.optimizers.schedules.CosineDecay(2e-2, 1_200)
    model.compile(keras.optimizers.Adam(rate))
    model.fit(X, batch_size=50, epochs=200, verbose=0)
    assert model.elbo(X, 50).mean() == pytest.approx(wanted, abs=0.1)
    assert model.log_prob(X, 200).mean() == pytest.approx(wanted, abs=0.1)


def test_a_density_is_in_the_units_of_the_data() -> None:
    model = linear(normalize="standard")
    exact = with_exact_posterior(model)
    stretched = 3.0 * X - 2.0
    model.adapt(stretched)
    mean, scale = stretched.mean(0), stretched.std(0)
    wanted = exact.logpdf((stretched - mean) / scale) - np.log(scale).sum()
    np.testing.assert_allclose(model.log_prob(stretched, 3), wanted, atol=1e-3)


def test_a_probability_of_categories_has_no_unit() -> None:
    options: dict[str, Any] = {"input_shape": (3,), "likelihood": "bernoulli", "hidden": [4]}
    scaled = keras_ae.create("vae", normalize="minmax", **options)
    plain = keras_ae.create("vae", **options)
    x = RNG.integers(0, 2, size=(20, 3)).astype("float32")
    scaled.adapt(5.0 * x)
    for part in ("encoder", "bottleneck", "decoder"):
        getattr(scaled, part).set_weights(getattr(plain, part).get_weights())
    np.testing.assert_allclose(scaled.log_prob(5.0 * x, 5), plain.log_prob(x, 5), rtol=1e-5)


def test_missing_entries_leave_the_likelihood_of_the_rest() -> None:
    model = linear(missing="mask")
    exact = with_exact_posterior(model, wider=1.0)
    observed = [0, 2, 3]
    x = np.full((40, 6), np.nan, "float32")
    x[:, observed] = X[:40, observed]
    part = stats.multivariate_normal(
        exact.mean[observed], exact.cov_object.covariance[np.ix_(observed, observed)]
    )
    got = model.log_prob(x, 20_000)
    assert got.mean() == pytest.approx(part.logpdf(x[:, observed]).mean(), abs=0.1)


def test_a_discrete_code_is_summed_out() -> None:
    model = keras_ae.LatentModel(
        (4,),
        bottleneck=Categorical(1, 3),
        objective=[Reconstruction(), KLDivergence()],
        likelihood="bernoulli",
        prior="categorical",
        hidden=[5],
    )
    x = RNG.integers(0, 2, size=(10, 4)).astype("float32")
    means = model.decode(np.eye(3, dtype="float32")[:, None])  # of each category
    each = stats.bernoulli.logpmf(x[:, None].astype(int), means).sum(-1)
    wanted = special.logsumexp(each, axis=1) - np.log(3)
    np.testing.assert_allclose(model.log_prob(x, 5_000), wanted, atol=0.04)


def test_bits_are_nats_over_log_two_for_each_number() -> None:
    model = linear()
    exact = with_exact_posterior(model).logpdf(X)
    got = model.bits_per_dim(X, 2)
    np.testing.assert_allclose(got, -exact / (6 * np.log(2)), atol=1e-4)
    np.testing.assert_allclose(model.bits_per_dim(X, 2, levels=256), got + 8.0, rtol=1e-6)


def test_bits_are_for_each_observed_number() -> None:
    model = linear(missing="mask")
    with_exact_posterior(model)
    x, mask = X[:4].copy(), np.ones((4, 6), "f4")
    x[0, :2] = np.nan
    x[1] = np.nan
    mask[2, :5] = 0
    nats = model.log_prob({"x": x, "mask": mask}, 3)
    got = model.bits_per_dim({"x": x, "mask": mask}, 3)
    np.testing.assert_allclose(got, -nats / np.log(2) / [4, 1, 1, 6], rtol=1e-6)
    more = model.bits_per_dim({"x": x, "mask": mask}, 3, levels=256)
    np.testing.assert_allclose(more - got, [8, 0, 8, 8], rtol=1e-6)


def test_bits_of_known_bounds_draw_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = linear()
    nats = model.log_prob(X, 2)
    wanted = model.bits_per_dim(X, 2)
    monkeypatch.setattr(bounds, "chunks", None)
    np.testing.assert_array_equal(model.bits_per_dim(X, log_prob=nats), wanted)
    with pytest.raises(ValueError, match="same number of rows"):
        model.bits_per_dim(X, log_prob=nats[:5])


@pytest.mark.parametrize("name", ["bernoulli", "mixed_tabular"])
def test_levels_of_a_likelihood_with_masses_are_refused(name: str) -> None:
    likelihood: Any = {"name": name}
    if name == "mixed_tabular":
        likelihood["columns"] = [{"name": n, "width": 1} for n in ("bernoulli", "poisson")]
    model = keras_ae.create("vae", input_shape=(2,), latent_dim=1, likelihood=likelihood)
    with pytest.raises(ValueError, match="gives probabilities. Leave `levels` out"):
        model.bits_per_dim(np.ones((2, 2)), levels=256)
    for levels in (0, -1):
        with pytest.raises(ValueError, match="`levels` must be a whole number of at least 1"):
            linear().bits_per_dim(X, levels=levels)


def test_the_parts_of_an_elbo() -> None:
    model = linear()
    with_exact_posterior(model)
    parts = model.decompose(X, samples=50)
    posterior = model.posterior(X)
    rates = 0.5 * (posterior["mean"] ** 2 + np.exp(posterior["log_var"]) - 1 - posterior["log_var"])
    np.testing.assert_allclose(parts.kl_per_dimension, rates.mean(0), rtol=1e-4)
    assert parts.rate == pytest.approx(rates.sum(1).mean(), rel=1e-4)
    assert parts.elbo == pytest.approx(-parts.distortion - parts.rate)
    assert parts.elbo == pytest.approx(model.elbo(X, 50).mean(), abs=0.1)
    assert parts.active_units == 2
    split = parts.mutual_information + parts.total_correlation + parts.dimension_wise_kl
    assert split == pytest.approx(parts.rate, abs=0.15)


def test_coordinates_are_compared_with_a_standard_normal_prior_only() -> None:
    mixed = keras_ae.LatentModel(
        (6,),
        bottleneck=Gaussian(2),
        objective=[Reconstruction(), KLDivergence()],
        prior={"name": "gaussian_mixture", "components": 3},
        hidden=[],
    )
    parts = mixed.decompose(X[:50])
    assert np.isnan(parts.dimension_wise_kl)
    assert np.isfinite([parts.elbo, parts.mutual_information, parts.total_correlation]).all()
    assert np.isfinite(linear().decompose(X[:50]).dimension_wise_kl)


def test_parts_without_a_seed_have_fresh_noise() -> None:
    model = linear()
    fresh = [model.decompose(X[:50], seed=None, most=5).total_correlation for _ in range(2)]
    same = [model.decompose(X[:50], seed=3, most=5).total_correlation for _ in range(2)]
    assert fresh[0] != fresh[1]
    assert same[0] == same[1]


@pytest.mark.parametrize("most", [1, 0, 2.5])
def test_too_few_draws_of_the_aggregated_posterior_are_refused(most: Any) -> None:
    with pytest.raises(ValueError, match="`most` must be"):
        linear().decompose(X[:50], most=most)


def test_the_encoder_runs_once_for_all_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, runs = linear(), []
    posterior = model.posterior
    monkeypatch.setattr(model, "posterior", lambda x: runs.append(len(x)) or posterior(x))
    for name in ("encode", "encode_tensor"):
        monkeypatch.setattr(model, name, None)
    model.decompose(X[:50])
    assert runs == [50]


def test_draws_are_decoded_a_bounded_number_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model = linear()
    exact = with_exact_posterior(model).logpdf(X)
    sizes: list[int] = []
    log_weights = bounds.log_weights

    def watched(model: Any, given: Any, samples: int) -> Any:
        sizes.append(samples)
        return log_weights(model, given, samples)

    monkeypatch.setattr(posterior_draws, "MOST_TOGETHER", 16)
    monkeypatch.setattr(bounds, "log_weights", watched)
    np.testing.assert_allclose(model.log_prob(X, 50), exact, atol=2e-4)
    assert set(sizes) == {16, 2}


def masked_streams(x: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
    """The same rows and their mask as every kind of stream."""
    parts = [{"x": x[k : k + 16], "mask": mask[k : k + 16]} for k in range(0, len(x), 16)]

    class Rows(keras.utils.PyDataset):
        def __len__(self) -> int:
            return len(parts)

        def __getitem__(self, index: int) -> Any:
            return (parts[index],)

    import tensorflow as tf
    import torch

    tensors = [
        {key: torch.tensor(a[i]) for key, a in part.items()} for part in parts for i in range(16)
    ]
    return {
        "generator": ((part, part["x"]) for part in parts),
        "tf.data": tf.data.Dataset.from_tensor_slices({"x": x, "mask": mask}).batch(16),
        "DataLoader": torch.utils.data.DataLoader(tensors, batch_size=16),
        "PyDataset": Rows(),
    }


@pytest.mark.parametrize("kind", ["generator", "tf.data", "DataLoader", "PyDataset"])
def test_a_stream_has_the_values_of_its_rows_and_their_mask(kind: str) -> None:
    model = linear()
    with_exact_posterior(model, wider=1.0)
    x, mask = X[:32], (RNG.random((32, 6)) < 0.7).astype("f4")
    wanted = {"x": x, "mask": mask}
    got = model.log_prob(masked_streams(x, mask)[kind], 2)
    np.testing.assert_allclose(got, model.log_prob(wanted, 2), rtol=1e-6)
    assert np.abs(got - model.log_prob(x, 2)).max() > 0.1
    parts = model.decompose(masked_streams(x, mask)[kind])
    assert parts.elbo == pytest.approx(model.decompose(wanted).elbo)


def test_a_model_without_a_posterior_is_refused() -> None:
    model = keras_ae.LatentModel((6,), bottleneck=Deterministic(2), objective=[Reconstruction()])
    with pytest.raises(ValueError, match="needs a model with a posterior and a prior"):
        model.log_prob(X)
    with pytest.raises(ValueError, match="`samples` must be"):
        linear().log_prob(X, 0)
