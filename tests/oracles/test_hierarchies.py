"""Hierarchies: the bound level by level, free bits, temperatures, densities, against NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import optimize
from scipy.special import logsumexp

from keras_ae import bottlenecks, models
from tests.oracles.sparse_numpy import array, close

pytestmark = pytest.mark.slow


SHAPES = {"hierarchical": (8, 8, 1), "odd": (6, 10, 2), "ladder": (6,)}


def made(kind: str, scale: float = 0.3, **options: Any) -> Any:
    """Return a small model all of whose weights are random, and the priors not standard."""
    if kind == "ladder":
        options = {
            "latent_dim": 4,
            "upper_dims": [3, 2],
            "hidden": [8],
            "warmup_steps": 0,
        } | options
        model = models.LadderVAE(SHAPES[kind], **options)
    else:
        options = {"latent_dim": 2, "blocks": [1, 2], "width": 4} | options
        model = models.HierarchicalVAE(SHAPES[kind], **options)
    rng = np.random.default_rng(4)
    for v in model.trainable_variables:
        v.assign(array(v) + scale * rng.normal(size=v.shape))
    return model


def data(kind: str, count: int = 5) -> np.ndarray:
    return np.random.default_rng(2).random((count, *SHAPES[kind])).astype("float32")


def drawn(model: Any, x: np.ndarray) -> tuple[Any, dict[str, Any]]:
    """Return a batch and a pass with drawn codes."""
    batch = model.batch(ops.convert_to_tensor(x))
    return batch, model.autoencode(batch, training=True, sample=True)


def levels_by_hand(model: Any, u: np.ndarray, outputs: Any, like: Any) -> tuple[list, Any]:
    """Return KL(q(z_l | z_<l, x) || p(z_l | z_<l)) of each level and the last state.

    The priors are those of the levels' states; the posteriors' moments are what is reported, put
    into the units of z.
    """
    code = model.bottleneck
    state = code.first_state(like)
    mean, log_var = array(outputs["mean"]), array(outputs["log_var"])
    rates = []
    for level, (name, part) in enumerate(code.parts.items()):
        assert name == f"level_{level + 1}"
        prior, state = code.prior(level, state)
        m_p = array(prior.mean).reshape(len(u), -1).astype("float64")
        s_p = np.exp(array(prior.log_var).reshape(len(u), -1) / 2).astype("float64")
        m_q, s_q = m_p + s_p * mean[:, part], s_p * np.exp(log_var[:, part] / 2)
        kl = np.log(s_p / s_q) + (s_q**2 + (m_q - m_p) ** 2) / (2 * s_p**2) - 0.5
        rates.append(kl.sum(1))
        z = (m_p + s_p * u[:, part]).reshape(len(u), *code.shapes[level]).astype("float32")
        state = code.advance(level, state, ops.convert_to_tensor(z))
    return rates, state


@pytest.mark.parametrize("kind", SHAPES)
def test_objective_is_the_sum_of_the_levels_rates(kind):
    # Child (2021), equation 3; Sonderby et al. (2016), equation 8.
    model = made(kind)
    x = data(kind)
    _batch, outputs = drawn(model, x)
    u = array(outputs["latent"])
    rates, state = levels_by_hand(model, u, outputs, ops.convert_to_tensor(x))
    close(array(state), array(outputs["state"]), 1e-4)
    decoded = array(outputs["decoded"])
    distortion = (0.5 * (x - decoded) ** 2 + 0.5 * np.log(2 * np.pi)).reshape(len(x), -1).sum(1)
    terms = model.terms(ops.convert_to_tensor(x), None, outputs)
    values = {k: float(array(v)) for k, v in terms.items()}
    close(values["reconstruction"], distortion.mean(), 1e-4)
    assert sum(rates).mean() > 0.1
    close(values["kl"], sum(rates).mean(), 1e-4)
    model.compile("sgd")
    loss = float(array(model.compute_loss(ops.convert_to_tensor(x), None, outputs)))
    close(loss, (distortion + sum(rates)).mean(), 1e-4)
    close(model.decode(u), decoded, 1e-4)


@pytest.mark.parametrize("kind", SHAPES)
def test_draws_have_the_reported_moments(kind):
    # u of the top level is N(mean, var): the same for all draws, since nothing is above.
    model = made(kind)
    x = np.repeat(data(kind, 1), 4000, 0)
    _, outputs = drawn(model, x)
    top = model.bottleneck.parts["level_1"]
    u = array(outputs["latent"])[:, top]
    mean, std = array(outputs["mean"])[0, top], np.exp(array(outputs["log_var"])[0, top] / 2)
    assert (np.abs(u.mean(0) - mean) < 5 * std / 4000**0.5).all()
    assert (np.abs(u.std(0) / std - 1) < 0.08).all()
    # Of all levels the standardised draws are standard normal and independent.
    e = (array(outputs["latent"]) - array(outputs["mean"])) / np.exp(array(outputs["log_var"]) / 2)
    assert np.abs(np.cov(e.T) - np.eye(e.shape[1])).max() < 0.12


@pytest.mark.parametrize("free", [0.0, 0.5, 3.0, 1000.0])
def test_free_bits_are_of_levels(free):
    # Kingma et al. (2016), equation 15: sum_l max(lambda, mean over the batch of KL_l).
    plain, model = made("hierarchical"), made("hierarchical", free_bits=free)
    x = data("hierarchical")
    _, outputs = drawn(model, x)
    rates, _ = levels_by_hand(model, array(outputs["latent"]), outputs, ops.convert_to_tensor(x))
    means = [float(r.mean()) for r in rates]
    values = {
        k: float(array(v)) for k, v in model.terms(ops.convert_to_tensor(x), None, outputs).items()
    }
    (name,) = [k for k in values if k != "reconstruction"]
    close(values[name], sum(max(free, r) for r in means), 1e-4)
    assert plain.bottleneck.parts == model.bottleneck.parts


@pytest.mark.parametrize("kind", SHAPES)
def test_code_of_the_means_decodes_to_the_reconstruction(kind):
    model = made(kind)
    x = data(kind)
    codes = model.encode(x)
    close(model.decode(codes), model.reconstruct(x), 1e-4)
    # A row's code does not depend on the others.
    close(model.encode(x[2:3]), codes[2:3], 1e-4)
    # Each level's mean is given the means above: those of the levels' own priors and posteriors.
    _, state = levels_by_hand(
        model, codes, {"mean": codes, "log_var": codes * 0}, ops.convert_to_tensor(x)
    )
    close(array(model.bottleneck.generate(ops.convert_to_tensor(codes))), array(state), 1e-4)


@pytest.mark.parametrize("kind", SHAPES)
def test_temperature_of_a_level_scales_its_deviations_only(kind):
    model = made(kind)
    parts = list(model.bottleneck.parts.values())
    size = model.latent_shape[0]

    def codes_seen(temperature):
        """Return the codes that `sample` decodes, by a decoder that keeps them."""
        return model.sample(4, seed=3, temperature=temperature)

    close(codes_seen([1.0] * len(parts)), codes_seen(1.0), 1e-5)
    close(codes_seen([0.3] * len(parts)), codes_seen(0.3), 1e-5)
    close(codes_seen([1e-7] * len(parts)), np.repeat(model.decode(np.zeros((1, size))), 4, 0), 1e-5)
    # With noise in one level alone, examples are decodings of codes that are zero elsewhere: the
    # top level's temperature of 0 makes the top z its prior's mean for all.
    one = codes_seen([1e-7] * (len(parts) - 1) + [1.0])
    assert np.abs(one - one[:1]).max() > 1e-4
    for bad in ([1.0], [1.0] * (len(parts) + 1), [-1.0] * len(parts)):
        with pytest.raises(ValueError, match="Received|must"):
            codes_seen(bad)


def test_temperatures_multiply_the_noise_of_their_levels():
    # What was drawn in each level follows from examples that differ in it alone.
    model = made("ladder", latent_dim=2, upper_dims=[2, 2])
    full = [1e-7] * 3

    def drawn_in(level):
        seen = model.sample(1, seed=3, temperature=[*full[:level], 1.0, *full[level + 1 :]])

        def misses(u):
            codes = np.zeros((1, 6), "float32")
            codes[:, 2 * level : 2 * level + 2] = u
            return (model.decode(codes) - seen).ravel() * 1e3

        starts = [[a, b] for a in (-1, 1) for b in (-1, 1)]
        found = [optimize.least_squares(misses, s, diff_step=1e-2) for s in starts]
        best = min(found, key=lambda f: f.cost)
        assert best.cost < 1e-2, best.cost
        return best.x

    u = np.stack([drawn_in(level) for level in range(3)])
    for t in ([0.5, 0.8, 0.3], [2.0, 0.1, 1.0]):
        codes = (u * np.array(t)[:, None]).reshape(1, 6).astype("float32")
        close(model.sample(1, seed=3, temperature=t), model.decode(codes), 1e-3)


def test_ladder_posterior_weighs_by_precision():
    # Sonderby et al. (2016), equations 17 to 19.
    code = bottlenecks.LadderGaussian([2, 3], hidden=4)
    code(np.zeros((2, 5), "float32"))
    rng = np.random.default_rng(0)
    m_p, v_p = rng.normal(size=(4, 3)), rng.uniform(0.2, 3, (4, 3))
    m_h, v_h = rng.normal(size=(4, 3)), rng.uniform(0.2, 3, (4, 3))
    from keras_ae.bottlenecks.top_down.levelled import Normal

    def tensor(a):
        return ops.convert_to_tensor(a.astype("float32"))

    seen = tensor(np.concatenate([m_h, np.log(v_h)], 1))
    u = code.posterior(1, tensor(np.zeros((4, 2))), seen, Normal(tensor(m_p), tensor(np.log(v_p))))
    v_q = 1 / (1 / v_h + 1 / v_p)
    m_q = (m_h / v_h + m_p / v_p) * v_q
    close(array(u.mean), (m_q - m_p) / np.sqrt(v_p), 1e-5)
    close(array(u.log_var), np.log(v_q / v_p), 1e-5)


@pytest.mark.parametrize("normalize", [None, "standard"])
def test_log_prob_is_that_of_the_generator(normalize):
    # log p(x) = log E_u p(x | u), u ~ N(0, I): estimated here by draws of the prior alone.
    model = models.LadderVAE((3,), latent_dim=1, upper_dims=[1], hidden=[6], normalize=normalize)
    rng = np.random.default_rng(4)
    x = rng.normal(size=(6, 3)).astype("float32") * 0.5
    if normalize:
        model.compile(keras.optimizers.SGD(0.0))
        model.fit(x, epochs=1, verbose=0)
    for v in model.trainable_variables:
        v.assign(0.2 * rng.normal(size=v.shape))
    draws = rng.normal(size=(60000, 2)).astype("float32")
    means = model.decode(draws)
    scale = x.std(0) if normalize else np.ones(3)
    each = (
        -0.5 * ((x[:, None] - means[None]) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)
    )
    want = logsumexp(each.sum(-1), axis=1) - np.log(len(draws))
    got = model.log_prob(x, samples=20000)
    np.testing.assert_allclose(got, want, atol=0.1)
    elbo = model.elbo(x, samples=300)
    assert (elbo < got + 0.05).all()
    close(model.bits_per_dim(x, samples=20000), -got / (np.log(2) * 3), 1e-4)


@pytest.mark.parametrize("kind", ["hierarchical", "ladder"])
def test_log_prob_of_one_draw_is_an_elbo(kind):
    model = made(kind)
    x = np.repeat(data(kind, 1), 600, 0)
    one, elbo = model.log_prob(x, samples=1), model.elbo(x, samples=1)
    assert abs(one.mean() - elbo.mean()) < 5 * (one.std() + elbo.std()) / 600**0.5
    model.compile("sgd")
    loss = model.evaluate(x, verbose=0, return_dict=True)["loss"]
    assert abs(loss + elbo.mean()) < 5 * (one.std() + elbo.std()) / 600**0.5


def test_bits_per_dim_of_bytes():
    # Theis et al. (2016): a density of x in [0, 1] plus uniform noise has log_2 256 bits more.
    model = made("hierarchical")
    x = np.round(data("hierarchical") * 255) / np.float32(255)
    nats = model.log_prob(x, samples=3)
    close(model.bits_per_dim(x, samples=3), -nats / (np.log(2) * 64), 1e-5)
    close(
        model.bits_per_dim(x, samples=3, log_prob=nats, levels=256) - 8,
        -nats / (np.log(2) * 64),
        0.02,
    )


def test_divergence_is_bounded():
    # Docstring: means in units of the prior's deviations, and logarithms of deviations, are bent
    # to +-5, and deviations are at least 0.01.
    model = made("hierarchical", scale=5.0)
    _, outputs = drawn(model, data("hierarchical"))
    assert np.abs(array(outputs["mean"])).max() <= 5.0 + 1e-4
    assert np.isfinite(array(outputs["latent"])).all()
    state = model.bottleneck.first_state(ops.zeros((5, 8, 8, 1)))
    for level in range(3):
        prior, state = model.bottleneck.prior(level, state)
        half = array(prior.log_var) / 2
        assert half.min() >= np.log(0.01) - 1e-5
        assert half.max() <= np.log(np.exp(5) + 0.01) + 1e-5
        state = model.bottleneck.advance(level, state, prior.mean)


def test_a_new_model_has_standard_priors():
    model = models.HierarchicalVAE((8, 8, 1), latent_dim=2, blocks=[1, 2], width=4)
    state = model.bottleneck.first_state(ops.zeros((1, 8, 8, 1)))
    for level in range(3):
        prior, state = model.bottleneck.prior(level, state)
        close(array(prior.mean), np.zeros(prior.mean.shape), 1e-6)
        close(array(prior.log_var), np.zeros(prior.mean.shape), 0.03)
        state = model.bottleneck.advance(level, state, prior.mean)
