"""Importance-weighted bounds and their gradients, beside NumPy's and the papers' formulas."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import special, stats

import keras_ae
from keras_ae.bottlenecks import (
    Binary,
    Categorical,
    Deterministic,
    FlowPosterior,
    Gaussian,
    Joint,
    TwoLevelGaussian,
)
from keras_ae.objectives import ImportanceWeighted
from tests.gradients import weight_gradients
from tests.objectives.weighted import Oracle, TwoLevelOracle, mean_log, softmax

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4)).astype("float32")
LOG_W = (RNG.normal(size=(6, 3, 4)) * 3 - 40).astype("float32")
SEED = 3
"""Of the term's draws."""


def make(term: Any, bottleneck: Any = None, prior: Any = "standard_normal", **trunk: Any) -> Any:
    """A model whose every weight is drawn from NumPy, so that all backends have the same."""
    given = {"hidden": [3], "encoder": {"name": "mlp", "activation": "tanh"}, **trunk}
    model = keras_ae.LatentModel(
        (4,), bottleneck=bottleneck or Gaussian(2), objective=[term], prior=prior, **given
    )
    rng = np.random.default_rng(11)
    for variable in model.trainable_variables:
        variable.assign(0.6 * rng.normal(size=variable.shape))
    return model


def values(model: Any, x: np.ndarray, training: bool = False, seed: int = SEED) -> Any:
    """The term's values at draws of the seed, as tensors."""
    batch = model.batch(ops.convert_to_tensor(x))
    outputs = model.autoencode(batch, training=training, sample=True)
    noise = model.bottleneck.noise
    for generator in (noise.evaluation_seed, noise.training_seed):
        generator.state.assign(ops.convert_to_tensor([seed, 0], dtype=generator.state.dtype))
    return model.objective[0].value(model, batch, outputs, training)


def value(model: Any, x: np.ndarray = X) -> np.ndarray:
    return ops.convert_to_numpy(values(model, x))


def noise_of(model: Any, rows: int) -> np.ndarray:
    """The normal noise of the draws that `values` sees, `(rows, M, K, latent_dim)`."""
    term, noise = model.objective[0], model.bottleneck.noise
    shape = (term.estimates, term.samples, *model.latent_shape)
    noise.reset_evaluation(SEED)
    drawn = noise.normal((rows * term.estimates * term.samples, *model.latent_shape))
    return ops.convert_to_numpy(drawn).reshape(rows, *shape)


def oracle_of(model: Any, x: np.ndarray = X) -> Oracle:
    return Oracle(model, x, noise_of(model, len(x)))


def gradients(
    model: Any, x: np.ndarray = X, training: bool = False, seed: int = SEED
) -> dict[int, np.ndarray]:
    variables = model.trainable_variables
    found = weight_gradients(lambda: ops.mean(values(model, x, training, seed)), variables)
    return dict(enumerate(found))


def check(found: dict[int, np.ndarray], wanted: dict[int, np.ndarray], places: set[int]) -> None:
    """Compare the derivatives by the weights at these places."""
    assert places
    for place in sorted(places):
        error = abs(found[place] - wanted[place]) / np.maximum(1.0, abs(wanted[place]))
        assert error.max() <= 1e-5, place
    # Zeros would pass for small derivatives.
    assert max(abs(wanted[place]).max() for place in places) > 1e-2


def apart(one: dict[int, np.ndarray], other: dict[int, np.ndarray], places: set[int]) -> float:
    return max(abs(one[place] - other[place]).max() for place in places)


# The bound, and the shares of draws in its gradient.


def bound(term: ImportanceWeighted, log_w: np.ndarray = LOG_W) -> np.ndarray:
    return ops.convert_to_numpy(term.bound(ops.convert_to_tensor(log_w)))


def shares(term: ImportanceWeighted, log_w: np.ndarray = LOG_W) -> list[np.ndarray]:
    return [ops.convert_to_numpy(s) for s in term.shares(ops.convert_to_tensor(log_w))]


@pytest.mark.parametrize("gradient", ["plain", "stl", "dreg"])
@pytest.mark.parametrize("elbo_share", [0.0, 0.3, 1.0])
def test_the_bound_averages_log_mean_weights_and_the_elbo(gradient: Any, elbo_share: float) -> None:
    log_w = LOG_W.astype("f8")
    mixed = elbo_share * log_w.mean((1, 2)) + (1 - elbo_share) * mean_log(log_w)
    term = ImportanceWeighted(4, 3, gradient, elbo_share)
    np.testing.assert_allclose(bound(term), mixed, rtol=1e-5)


def test_the_partial_bound_is_that_of_all_draws() -> None:
    wanted = special.logsumexp(LOG_W.astype("f8"), axis=(1, 2)) - np.log(12)
    np.testing.assert_allclose(bound(ImportanceWeighted(4, 3, "partial")), wanted, rtol=1e-5)


def test_weights_are_averaged_over_draws_and_their_logarithms_over_estimates() -> None:
    """Two estimates of two draws by hand; the other axis would give another number."""
    log_w = np.log(np.array([[[1.0, 3.0], [2.0, 6.0]]], "float32"))
    np.testing.assert_allclose(bound(ImportanceWeighted(2, 2), log_w), np.log([8.0]) / 2, rtol=1e-5)
    one = ImportanceWeighted(2, 1)
    np.testing.assert_allclose(bound(one, log_w[:, :1]), np.log([2.0]), rtol=1e-5)


def test_a_bound_of_weights_far_from_one_is_finite() -> None:
    log_w = np.array([[[-9_000.0, -8_000.0]], [[300.0, 400.0]]], "float32")
    wanted = np.array([-8_000.0, 400.0]) - np.log(2)
    np.testing.assert_allclose(bound(ImportanceWeighted(2), log_w), wanted, rtol=1e-6)
    for share in shares(ImportanceWeighted(2, gradient="dreg"), log_w):
        np.testing.assert_allclose(share, [[[0.0, 1.0]]] * 2, atol=1e-6)


@pytest.mark.parametrize("elbo_share", [0.0, 0.4])
def test_shares_are_normalised_weights_and_their_squares(elbo_share: float) -> None:
    """Tucker et al. (2019), equation 8, of each of the estimates."""
    w = softmax(LOG_W.astype("f8"), axis=2)
    wanted = [elbo_share / 12 + (1 - elbo_share) * share / 3 for share in (w, w**2)]
    found = shares(ImportanceWeighted(4, 3, "dreg", elbo_share))
    for got, share in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got, share, rtol=1e-4, atol=1e-6)


def test_shares_of_the_partial_gradient_differ_for_decoder_and_encoder() -> None:
    log_w = LOG_W.astype("f8")
    decoder, encoder = shares(ImportanceWeighted(4, 3, "partial"))
    np.testing.assert_allclose(decoder, softmax(log_w, (1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(encoder, softmax(log_w, 2) / 3, rtol=1e-4, atol=1e-6)
    assert abs(decoder - encoder).max() > 0.1


# The value.


MIXTURE = {"name": "gaussian_mixture", "components": 3}


@pytest.mark.parametrize("prior", ["standard_normal", MIXTURE], ids=["normal", "mixture"])
@pytest.mark.parametrize("gradient", ["plain", "stl", "dreg"])
def test_the_value_is_the_negative_bound_of_numpy_at_the_same_draws(
    gradient: Any, prior: Any
) -> None:
    for elbo_share in (0.0, 0.3):
        model = make(ImportanceWeighted(4, 3, gradient, elbo_share), prior=prior)
        log_w = oracle_of(model).now()
        wanted = -elbo_share * log_w.mean((1, 2)) - (1 - elbo_share) * mean_log(log_w)
        np.testing.assert_allclose(value(model), wanted, rtol=1e-5)
        assert abs(wanted + log_w.mean((1, 2))).max() > 0.1  # neither the ELBO
        assert abs(wanted + (softmax(log_w, 2) * log_w).sum(2).mean(1)).max() > 0.1  # nor D2


def test_the_partial_value_is_the_bound_of_all_draws() -> None:
    model = make(ImportanceWeighted(4, 3, "partial"))
    log_w = oracle_of(model).now()
    wanted = np.log(12) - special.logsumexp(log_w, axis=(1, 2))
    np.testing.assert_allclose(value(model), wanted, rtol=1e-5)
    assert abs(wanted + mean_log(log_w)).max() > 0.1


def test_one_draw_is_the_elbo_with_the_rate_at_the_draw() -> None:
    model = make(ImportanceWeighted(1))
    mean, log_var = (model.posterior(X)[key].astype("f8") for key in ("mean", "log_var"))
    z = mean + np.exp(log_var / 2) * noise_of(model, len(X))[:, 0, 0]
    decoded = model.decode(z.astype("float32")).astype("f8")
    rate = stats.norm.logpdf(z, mean, np.exp(log_var / 2)).sum(1) - stats.norm.logpdf(z).sum(1)
    wanted = rate - stats.norm.logpdf(X, decoded).sum(1)
    np.testing.assert_allclose(value(model), wanted, rtol=1e-5)


def test_estimates_of_one_draw_are_the_elbo_and_one_of_several_is_not() -> None:
    """At the same twelve draws."""
    elbo, one = make(ImportanceWeighted(1, 12)), make(ImportanceWeighted(12, 1))
    log_w = oracle_of(one).now()
    np.testing.assert_allclose(value(elbo), -log_w.mean((1, 2)), rtol=1e-5)
    wanted = np.log(12) - special.logsumexp(log_w[:, 0], axis=1)
    np.testing.assert_allclose(value(one), wanted, rtol=1e-5)
    assert (value(elbo) > value(one) + 0.1).any()


@pytest.mark.parametrize(
    ("variant", "options", "shares"),
    [
        ("iwae", {"samples": 6}, (0.0, 1, 6)),
        ("miwae", {"samples": 3, "estimates": 2}, (0.0, 2, 3)),
        ("ciwae", {"samples": 6, "beta": 0.2}, (0.2, 1, 6)),
    ],
)
def test_each_variant_has_its_bound(variant: str, options: Any, shares: Any) -> None:
    """Of one set of draws: Rainforth et al. (2018), section 4."""
    model = keras_ae.create(variant, input_shape=(4,), latent_dim=2, hidden=[], **options)
    elbo_share, estimates, samples = shares
    log_w = oracle_of(model).now()
    assert log_w.shape == (5, estimates, samples)
    wanted = -elbo_share * log_w.mean((1, 2)) - (1 - elbo_share) * mean_log(log_w)
    np.testing.assert_allclose(value(model), wanted, rtol=1e-5)


def test_entries_that_are_missing_have_no_likelihood() -> None:
    model = make(ImportanceWeighted(3, 2), missing="mask")
    seen = RNG.random(X.shape) < 0.7
    oracle = oracle_of(model, np.where(seen, X, 0))
    z = oracle.draws(oracle.values)
    decoded = model.decode(z.reshape(-1, 2).astype("f4")).reshape(5, 2, 3, 4)
    unseen = np.where(seen[:, None, None], 0, stats.norm.logpdf(0, decoded)).sum(-1)
    wanted = -mean_log(oracle.now() - unseen)
    np.testing.assert_allclose(value(model, np.where(seen, X, np.nan)), wanted, rtol=1e-5)


# A model whose log p(x) is known: codes N(0, I), x = W z + b + N(0, I), W with orthogonal columns.


def linear(term: Any, wider: float = 0.0, rows: int = 40) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return a model with the exact posterior, or one with wider log-variances, X and log p(X)."""
    rng = np.random.default_rng(5)
    size = np.array([1.0, 2.0])
    loading = np.linalg.qr(rng.normal(size=(4, 2)))[0] * size  # (4, latent_dim)
    shift = rng.normal(size=4)
    model = make(term, hidden=[])
    model.decoder.get_layer("output").set_weights([loading.T, shift])
    kernel = loading / (1 + size**2)
    model.bottleneck.mean_head.set_weights([kernel, -shift @ kernel])
    log_var = wider - np.log1p(size**2)
    model.bottleneck.log_var_head.set_weights([np.zeros((4, 2)), log_var])
    marginal = stats.multivariate_normal(shift, np.eye(4) + loading @ loading.T)
    x = marginal.rvs(rows, random_state=6)
    return model, x.astype("float32"), marginal.logpdf(x.astype("float32"))


@pytest.mark.parametrize("term", [(1, 1), (7, 1), (3, 2), (3, 2, "partial"), (4, 2, "dreg", 0.5)])
def test_at_the_exact_posterior_every_bound_is_log_p(term: Any) -> None:
    model, x, log_p = linear(ImportanceWeighted(*term))
    np.testing.assert_allclose(value(model, x), -log_p, rtol=1e-5)


def test_more_draws_bring_the_bound_nearer_to_log_p() -> None:
    """From KL(q || p(z | x)) at one draw; with K, chi^2(p || q) / 2K (Domke and Sheldon, 2018)."""
    wider, rows = 1.2, 4_000
    gaps = []
    for samples in (1, 4, 16, 64):
        model, x, log_p = linear(ImportanceWeighted(samples), wider, rows)
        gaps.append(log_p + value(model, x))
    for fewer, more in itertools.pairwise(gaps):
        assert (fewer - more).mean() > 4 * (fewer - more).std() / np.sqrt(rows)
    ratio = np.exp(wider)  # of variances, the same for both coordinates
    divergence = 2 * 0.5 * (ratio - 1 - wider)
    assert abs(gaps[0].mean() - divergence) < 4 * gaps[0].std() / np.sqrt(rows)
    chi = (ratio / np.sqrt(2 * ratio - 1)) ** 2 - 1
    assert abs(gaps[-1].mean() - chi / 128) < 4 * gaps[-1].std() / np.sqrt(rows)


# The gradient.


PRIORS = {"normal": "standard_normal", "mixture": {"name": "gaussian_mixture", "components": 2}}
priors = pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)


@priors
@pytest.mark.parametrize("elbo_share", [0.0, 0.3])
def test_the_plain_gradient_is_the_bounds(elbo_share: float, prior: Any) -> None:
    model = make(ImportanceWeighted(3, 2, "plain", elbo_share), prior=prior)
    wanted = oracle_of(model).slopes_of_bound(
        lambda w: elbo_share * w.mean((1, 2)) + (1 - elbo_share) * mean_log(w)
    )
    check(gradients(model), wanted, set(wanted))


def test_training_has_the_same_gradient_as_evaluation() -> None:
    for gradient in ("plain", "dreg", "partial"):
        model = make(ImportanceWeighted(3, 2, gradient))
        evaluated = gradients(model)
        check(gradients(model, training=True), evaluated, set(evaluated))


@priors
@pytest.mark.parametrize("elbo_share", [0.0, 0.3])
@pytest.mark.parametrize("gradient", ["stl", "dreg"])
def test_the_encoder_follows_the_paths_of_draws(
    gradient: Any, elbo_share: float, prior: Any
) -> None:
    """sum_k c_k dlog w_k/dz_k dz_k/dphi with c = w~ (Roeder et al.) or w~^2 (Tucker et al.)."""
    model = make(ImportanceWeighted(3, 2, gradient, elbo_share), prior=prior)
    oracle = oracle_of(model)
    w = softmax(oracle.now(), axis=2)
    of_elbo = elbo_share / w[0].size
    path = of_elbo + (1 - elbo_share) / 2 * (w**2 if gradient == "dreg" else w)
    direct = of_elbo + (1 - elbo_share) / 2 * w
    wanted = oracle.slopes_of_shares(path, direct)
    found = gradients(model)
    check(found, wanted, oracle.of_encoder)
    check(found, wanted, oracle.of_decoder)


@pytest.mark.parametrize("gradient", ["stl", "dreg"])
def test_the_decoders_gradient_is_the_plain_one(gradient: Any) -> None:
    plain = make(ImportanceWeighted(3, 2), prior=PRIORS["mixture"])
    other = make(ImportanceWeighted(3, 2, gradient), prior=PRIORS["mixture"])
    oracle, found, wanted = oracle_of(plain), gradients(other), gradients(plain)
    check(found, wanted, oracle.of_decoder)
    assert apart(found, wanted, oracle.of_encoder) > 1e-2


@pytest.mark.parametrize("gradient", ["stl", "dreg"])
def test_a_prior_of_the_encoders_posteriors_still_moves_the_encoder(gradient: Any) -> None:
    """A VampPrior's log p(z) has the encoder's weights: a derivative of its own, by w~."""
    model = make(ImportanceWeighted(3, 2, gradient), prior={"name": "vamp", "components": 2})
    oracle = oracle_of(model)
    w = softmax(oracle.now(), axis=2)
    wanted = oracle.slopes_of_shares((w**2 if gradient == "dreg" else w) / 2, w / 2)
    check(gradients(model), wanted, set(wanted))


def two_level(term: ImportanceWeighted) -> tuple[Any, TwoLevelOracle]:
    model = make(term, TwoLevelGaussian(2, 1, hidden=4))
    rows = 5 * term.estimates * term.samples
    model.bottleneck.noise.reset_evaluation(SEED)
    above, below = (model.bottleneck.noise.normal((rows, size)) for size in (1, 2))
    epsilon = np.concatenate([ops.convert_to_numpy(below), ops.convert_to_numpy(above)], axis=1)
    return model, TwoLevelOracle(model, X, epsilon.reshape(5, term.estimates, term.samples, 3))


def test_the_bound_of_two_levels_and_its_gradient_are_numpys() -> None:
    model, oracle = two_level(ImportanceWeighted(3, 2))
    np.testing.assert_allclose(value(model), -mean_log(oracle.now()), rtol=1e-5)
    wanted = oracle.slopes_of_bound(mean_log)
    check(gradients(model), wanted, oracle.of_encoder)
    check(gradients(model), wanted, oracle.of_decoder)


def test_the_partial_gradient_of_two_levels_is_one_bound_for_each_network() -> None:
    model, oracle = two_level(ImportanceWeighted(3, 2, "partial"))
    found = gradients(model)
    together = oracle.slopes_of_bound(lambda w: special.logsumexp(w, axis=(1, 2)))
    check(found, together, oracle.of_decoder)
    check(found, oracle.slopes_of_bound(mean_log), oracle.of_encoder)


@priors
def test_the_partial_gradient_is_one_bound_for_each_network(prior: Any) -> None:
    """Rainforth et al. (2018), "PIWAE"."""
    model = make(ImportanceWeighted(3, 2, "partial"), prior=prior)
    oracle = oracle_of(model)
    together = oracle.slopes_of_bound(lambda w: special.logsumexp(w, axis=(1, 2)))
    averaged = oracle.slopes_of_bound(mean_log)
    found = gradients(model)
    check(found, together, oracle.of_decoder)
    check(found, averaged, oracle.of_encoder)
    for places in (oracle.of_decoder, oracle.of_encoder):
        assert apart(together, averaged, places) > 1e-3


@pytest.mark.parametrize("samples", [1, 3])
def test_at_the_exact_posterior_the_path_gradient_is_zero(samples: int) -> None:
    largest = {}
    for gradient in ("plain", "stl", "dreg"):
        model, x, _ = linear(ImportanceWeighted(samples, 1, gradient))
        found, places = gradients(model, x[:5]), oracle_of(model, x[:5]).of_encoder
        largest[gradient] = max(abs(found[place]).max() for place in places)
    assert largest["plain"] > 0.05
    assert largest["stl"] < 1e-5
    assert largest["dreg"] < 1e-5


@pytest.mark.slow
def test_the_doubly_reparameterised_gradient_is_unbiased_and_the_path_one_is_not() -> None:
    """Means over 30 batches of 1,500 copies of a row, apart from the plain one at the same draws.

    A difference is noise where it is below 4.5 standard errors; the bias of "stl" is far above.
    """
    models = {g: make(ImportanceWeighted(4, 1, g)) for g in ("plain", "stl", "dreg")}
    places = sorted(oracle_of(models["plain"]).of_encoder)
    x, seeds = np.tile(X[:1], (1_500, 1)), range(30)

    def flat(model: Any, seed: int) -> np.ndarray:
        found = gradients(model, x, seed=seed)
        return np.concatenate([found[place].ravel() for place in places])

    drawn = {name: np.array([flat(m, s) for s in seeds]) for name, m in models.items()}
    scores = {}
    for name in ("stl", "dreg"):
        difference = drawn[name] - drawn["plain"]
        error = difference.std(axis=0, ddof=1) / np.sqrt(len(seeds))
        scores[name] = (abs(difference.mean(axis=0)) / (error + 1e-9)).max()
    assert scores["dreg"] < 4.5
    assert scores["stl"] > 10


# What is refused.


@pytest.mark.parametrize(
    ("bottleneck", "prior"),
    [
        (lambda: Categorical(2, 3), "categorical"),
        (lambda: Binary(3), "bernoulli"),
        (lambda: Joint(2, (3,)), {"name": "joint", "categories": (3,)}),
    ],
    ids=["categorical", "binary", "joint"],
)
def test_relaxed_draws_are_refused(bottleneck: Any, prior: Any) -> None:
    """Their densities are of the discrete variables, which the draws of training are not."""
    code = bottleneck()
    with pytest.raises(ValueError, match=f"Received: .*{type(code).__name__}"):
        make(ImportanceWeighted(3), code, prior)


@pytest.mark.parametrize("gradient", ["stl", "dreg"])
def test_gradients_without_the_score_are_refused_where_it_cannot_be_left_out(gradient: Any) -> None:
    with pytest.raises(ValueError, match="Received: .*FlowPosterior"):
        make(ImportanceWeighted(3, gradient=gradient), FlowPosterior(2, "planar", 2))
    # Of log q(z_1 | x, z_2) the derivative by z_2 is no score.
    with pytest.raises(ValueError, match="Received: .*TwoLevelGaussian"):
        make(ImportanceWeighted(3, gradient=gradient), TwoLevelGaussian(2, 1, hidden=3))
    make(ImportanceWeighted(3), FlowPosterior(2, "planar", 2))


def test_a_model_without_weights_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs a model with a prior.*prior='standard_normal'"):
        make(ImportanceWeighted(3), prior=None)
    with pytest.raises(ValueError, match=r"ImportanceWeighted needs .* posterior.*Deterministic"):
        make(ImportanceWeighted(3), Deterministic(2))


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        *(("samples", n) for n in (0, -1, 2.5, "x", None)),
        *(("estimates", n) for n in (0, 1.5)),
        *(("gradient", name) for name in ("reinforce", None)),
        *(("elbo_share", share) for share in (-0.1, 1.1, float("nan"), "half")),
        ("weight", -1.0),
    ],
)
def test_an_impossible_argument_is_refused(option: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"`{option}` must"):
        ImportanceWeighted(**{option: wrong})


def test_a_partial_gradient_with_a_share_of_the_elbo_is_refused() -> None:
    with pytest.raises(ValueError, match="without a share of the ELBO. Received: elbo_share=0.3"):
        ImportanceWeighted(3, 2, "partial", 0.3)


def test_a_score_is_that_of_the_vae() -> None:
    """At the code, with the rate in closed form: no draws."""
    iwae, vae = (
        make(ImportanceWeighted(3)),
        keras_ae.create(
            "vae",
            input_shape=(4,),
            latent_dim=2,
            hidden=[3],
            encoder={"name": "mlp", "activation": "tanh"},
        ),
    )
    vae.set_weights(iwae.get_weights())
    np.testing.assert_allclose(iwae.score(X), vae.score(X), rtol=1e-6)
    assert iwae.objective[0].name == "importance_weighted"
