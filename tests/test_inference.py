from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from scipy import stats

import keras_ae

X = np.random.default_rng(0).random((9, 6)).astype("float32")


def make(name: str, **options: Any) -> Any:
    return keras_ae.create(name, input_shape=(6,), latent_dim=3, hidden=[8], **options)


def transparent() -> Any:
    """A variational autoencoder whose decoder shows the code itself."""
    return keras_ae.create(
        "vae", input_shape=(3,), latent_dim=3, hidden=[8], decoder=keras.layers.Identity()
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("autoencoder", {}),
        ("sparse_autoencoder", {"sparsity": 1.0}),
        ("sparse_autoencoder", {"penalty": "kl"}),
        ("contractive_autoencoder", {"contraction": 1.0}),
        ("vq_vae", {"num_codes": 4, "tokens": 2}),
        ("adversarial_autoencoder", {"critic_hidden": [4]}),
    ],
)
def test_a_deterministic_score_is_the_negative_log_likelihood_alone(
    name: str, options: Any
) -> None:
    model = make(name, likelihood={"name": "gaussian", "scale": 0.5}, **options)
    wanted = -stats.norm.logpdf(X, model.predict(X), 0.5).sum(1)
    np.testing.assert_allclose(model.score(X), wanted, rtol=1e-4)


def test_a_variational_score_adds_the_divergence_whatever_its_weight() -> None:
    model = make("beta_vae", beta=7.0)
    code = model(X)
    mean, log_var = (np.asarray(keras_array(code[k])) for k in ("mean", "log_var"))
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(1)
    wanted = -stats.norm.logpdf(X, model.predict(X)).sum(1) + kl
    np.testing.assert_allclose(model.score(X), wanted, rtol=1e-4)


def keras_array(tensor: Any) -> np.ndarray:
    from keras import ops

    return ops.convert_to_numpy(tensor)


def test_samples_are_decoded_draws_from_the_prior() -> None:
    drawn = transparent().sample(2000, seed=0)
    assert drawn.shape == (2000, 3)
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 0.01


def test_samples_repeat_with_their_seed() -> None:
    model = make("vae")
    np.testing.assert_array_equal(model.sample(4, seed=1), model.sample(4, seed=1))
    assert not np.array_equal(model.sample(4, seed=1), model.sample(4, seed=2))


def test_sampling_needs_a_prior() -> None:
    with pytest.raises(ValueError, match="`autoencoder` has no prior to sample from"):
        make("autoencoder").sample(3)


def test_posterior_draws_scatter_around_the_code() -> None:
    model = make("vae")
    drawn = model.sample_posterior(X, samples=400, seed=0)
    spread = np.exp(keras_array(model(X)["log_var"]) / 2)
    assert drawn.shape == (400, 9, 3)
    np.testing.assert_array_equal(drawn[:4], model.sample_posterior(X, samples=400, seed=0)[:4])
    assert len(np.unique(drawn[:, 0, 0])) == 400
    assert (abs(drawn.mean(0) - model.encode(X)) < 0.25 * spread).all()
    with pytest.raises(ValueError, match="whose code is deterministic"):
        make("autoencoder").sample_posterior(X)


def test_an_interpolation_takes_equal_steps_from_code_to_code() -> None:
    model, x = transparent(), X[:4, :3]
    codes = model.encode(x)
    lines = model.interpolate(x[:2], x[2:], steps=5)
    np.testing.assert_allclose(
        lines, np.linspace(codes[:2], codes[2:], 5, axis=1), rtol=1e-4, atol=1e-5
    )


def test_an_interpolation_stays_where_codes_live() -> None:
    for bottleneck, prior, norm in (
        (keras_ae.bottlenecks.Hyperspherical(3), "hyperspherical_uniform", (1.0, 1.0)),
        (keras_ae.bottlenecks.Hyperbolic(3), "wrapped_normal", (0.0, 1.0)),
    ):
        model = keras_ae.LatentModel(
            (6,),
            bottleneck=bottleneck,
            objective=[keras_ae.objectives.Reconstruction()],
            prior=prior,
            decoder=keras.layers.Lambda(lambda z: np.float32(1) * keras.ops.tile(z, (1, 2))),
        )
        codes = model.interpolate(X[:2], {"x": X[2:4]}, steps=5)[..., :3]
        np.testing.assert_allclose(codes[:, 0], model.encode(X[:2]), atol=1e-5)
        np.testing.assert_allclose(codes[:, -1], model.encode(X[2:4]), atol=1e-5)
        lengths = np.linalg.norm(codes, axis=-1)
        assert ((norm[0] - 1e-5 <= lengths) & (lengths <= norm[1] + 1e-5)).all()
        with pytest.raises(ValueError, match="numbers that move by themselves"):
            model.traverse(X[:1])


def test_a_traversal_moves_one_number_of_the_code_from_end_to_end() -> None:
    model, x = transparent(), X[:1, :3]
    walks = model.traverse(x, steps=5, span=2.0)
    wanted = np.tile(model.encode(x), (3, 5, 1))
    for dimension in range(3):
        wanted[dimension, :, dimension] = [-2, -1, 0, 1, 2]
    np.testing.assert_allclose(walks, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(model.traverse(x[0], 1, steps=5, span=2.0), walks[1:2])


def test_a_walk_that_is_not_along_one_number_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`dimension` must be in 0\.\.2"):
        make("vae").traverse(X[0], dimension=3)
    with pytest.raises(ValueError, match="needs a code that is a vector"):
        make("vq_vae").traverse(X[0])


def test_codes_are_decoded_to_data_units() -> None:
    x = 5 + 3 * X
    model = make("autoencoder", normalize="standard")
    model.adapt(x)
    z = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
    wanted = keras_array(model.decoder(z)) * x.std(0) + x.mean(0)
    np.testing.assert_allclose(model.decode(z), wanted, rtol=1e-4)


def test_a_masked_feature_stands_at_its_mean_in_data_units() -> None:
    x = 5 + 3 * X
    model = make("denoising_autoencoder", normalize="standard", corruption="feature_mask")
    model.adapt(x)
    corrupted = model.corrupt(x, seed=0)
    kept, masked = np.isclose(corrupted, x), np.isclose(corrupted, x.mean(0))
    assert (kept | masked).all()
    assert 0 < masked.sum() < masked.size / 2


@pytest.mark.parametrize("function", ["encode", "reconstruct", "score"])
def test_inference_draws_no_random_number(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make("vae", corruption="gaussian_noise")
    for distribution in ("normal", "uniform"):
        monkeypatch.setattr(keras.random, distribution, lambda *_, **__: pytest.fail("drawn"))
    getattr(model, function)(X)


def test_decoding_refuses_codes_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"`z` must have the shape \(batch, 3\)"):
        make("vae").decode(np.zeros((2, 4)))


def test_corrupting_repeats_with_its_seed_and_needs_a_corruption() -> None:
    model = make("denoising_autoencoder")
    np.testing.assert_array_equal(model.corrupt(X, seed=1), model.corrupt(X, seed=1))
    assert 0.1 < (model.corrupt(X, seed=1) - X).std() < 0.5
    with pytest.raises(ValueError, match="`vae` has none"):
        make("vae").corrupt(X)


def test_bad_input_is_refused_before_anything_runs() -> None:
    model = make("vae")
    broken = X.copy()
    broken[3, 2] = np.nan
    for method in (model.encode, model.score, model.predict):
        with pytest.raises(ValueError, match=r"`x` must be finite. Received: nan at \(3, 2\)"):
            method(broken)


def test_one_batch_is_predicted_as_all_rows_are() -> None:
    model = keras_ae.create("vae", input_shape=(4,), latent_dim=2)
    x = np.random.default_rng(0).random((3, 4), dtype="float32")
    np.testing.assert_allclose(model.predict_on_batch(x), model.predict(x), rtol=1e-6)


def test_a_walk_needs_as_many_ends_as_starts() -> None:
    model = keras_ae.create("vae", input_shape=(4,), latent_dim=2)
    with pytest.raises(ValueError, match=r"same number of rows\. Received: \{'a': 3, 'b': 2\}"):
        model.interpolate(np.zeros((3, 4)), np.zeros((2, 4)))


def test_a_posterior_is_drawn_for_a_stream() -> None:
    import tensorflow as tf

    model = keras_ae.create("vae", input_shape=(6,), latent_dim=2, hidden=[4])
    x = np.random.default_rng(0).random((10, 6)).astype("float32")
    stream = tf.data.Dataset.from_tensor_slices(x).batch(4)
    drawn = model.sample_posterior(stream, samples=3, seed=0)
    assert drawn.shape == (3, 10, 2)
    assert len(np.unique(drawn[:, 0, 0])) == 3


def test_a_score_outside_of_the_support_is_refused() -> None:
    model = keras_ae.create("vae", input_shape=(6,), latent_dim=2, likelihood="bernoulli")
    with pytest.raises(ValueError, match=r"Bernoulli likelihood must lie in \[0, 1\]"):
        model.score(np.full((2, 6), 255.0))


def test_a_traversal_starts_from_one_example() -> None:
    model = keras_ae.create("vae", input_shape=(6,), latent_dim=2, hidden=[4])
    with pytest.raises(ValueError, match="starts from one example. Received: 2 rows"):
        model.traverse(np.zeros((2, 6)))
    with pytest.raises(ValueError, match="`dimension` must be in 0..1"):
        model.traverse(np.zeros(6), dimension=1.5)


@pytest.mark.parametrize(
    "likelihood",
    ["gaussian", "poisson", "negative_binomial", {"name": "categorical", "categories": 4}],
)
def test_observed_samples_are_draws_around_their_means(likelihood: Any) -> None:
    model = keras_ae.create(
        "vae", input_shape=(3,), latent_dim=2, hidden=[4], likelihood=likelihood
    )
    model.decoder.set_weights([0.0 * w + 0.3 for w in model.decoder.get_weights()])
    # Every code is decoded alike: the draws' moments are those of one distribution.
    for weight in model.decoder.trainable_weights:
        if len(weight.shape) > 1:
            weight.assign(np.zeros(weight.shape))
    mean = model.sample(1, seed=0)[0]
    drawn = model.sample(3_000, seed=1, observed=True)
    assert drawn.shape == (3_000, 3)
    error = drawn.std(0) / np.sqrt(3_000)
    assert (abs(drawn.mean(0) - mean) < 4.5 * error).all()
    assert (drawn.std(0) > 0.3).all()
    assert likelihood == "gaussian" or (drawn == drawn.round()).all()
    np.testing.assert_allclose(model.sample(5, seed=1, observed=True), drawn[:5], atol=1e-5)


def test_observed_samples_are_in_data_units() -> None:
    model = make("vae", normalize="standard", likelihood={"name": "gaussian", "scale": 0.01})
    model.adapt(100.0 * X + 50.0)
    means, drawn = (model.sample(4, seed=2, observed=observed) for observed in (False, True))
    apart = (drawn - means) / (0.01 * 100.0 * X.std(0))
    assert 0.3 < apart.std() < 2.0


def test_walks_are_decoded_under_the_conditions_of_their_start() -> None:
    kinds = {"name": "label", "categories": 3}
    model = make("vae", condition=kinds)
    x = np.random.default_rng(0).random((4, *model.event_shape)).astype("float32")
    a, b = {"x": x[:2], "condition": [0, 1]}, {"x": x[2:], "condition": [2, 2]}
    walk = model.interpolate(a, b, steps=3)
    ends = model.encode(a), model.encode(b)
    for step, share in enumerate((0.0, 0.5, 1.0)):
        codes = (1 - share) * ends[0] + share * ends[1]
        wanted = model.decode(codes, condition=[0, 1])
        np.testing.assert_allclose(walk[:, step], wanted, rtol=1e-5, atol=1e-6)
    walks = model.traverse({"x": x[0], "condition": 1}, steps=3, span=2.0)
    again = model.traverse({"x": x[:1], "condition": [1]}, steps=3, span=2.0)
    np.testing.assert_array_equal(walks, again)
    codes = np.repeat(model.encode({"x": x[:1], "condition": [1]}), 3, axis=0)
    codes[:, 0] = [-2.0, 0.0, 2.0]
    np.testing.assert_allclose(walks[0], model.decode(codes, condition=1), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="must be given to a model with one"):
        model.traverse(x[0])


def test_draws_of_posteriors_are_told_their_conditions() -> None:
    model = make("vae", condition=2)
    rng = np.random.default_rng(0)
    x, c = rng.random((5, *model.event_shape)), rng.normal(size=(5, 2))
    drawn = model.sample_posterior({"x": x, "condition": c}, 4_000, seed=0)
    found = model.posterior({"x": x, "condition": c})
    scale = np.exp(0.5 * found["log_var"])
    assert (abs(drawn.mean(0) - found["mean"]) < 5 * scale / np.sqrt(4_000)).all()
    other = model.posterior({"x": x, "condition": c + 1.0})
    assert (abs(other["mean"] - found["mean"]) > 1e-4).any()
