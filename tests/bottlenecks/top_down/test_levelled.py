from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.bottlenecks import LadderGaussian, TopDownGaussian
from keras_ae.priors import StandardNormal

RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(5, 6, 5, 3)).astype("f4")
KINDS: dict[str, Any] = {
    "ladder": lambda: LadderGaussian([2, 3, 4], hidden=6),
    "top_down": lambda: TopDownGaussian(2, blocks=[1, 2], width=4),
}


def built(kind: str) -> Any:
    code = KINDS[kind]()
    code.build((None, *MAPS.shape[1:]))
    for variable in code.trainable_variables:
        variable.assign(0.5 * RNG.normal(size=variable.shape))
    return code


def called(code: Any, sample: bool = False) -> dict[str, np.ndarray]:
    outputs = code(ops.convert_to_tensor(MAPS), sample=sample)
    return {key: np.array(ops.convert_to_numpy(value)) for key, value in outputs.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_parts_are_the_levels_of_one_vector(kind: str) -> None:
    code = built(kind)
    sizes = [part.stop - part.start for part in code.parts.values()]
    wanted = {"ladder": [2, 3, 4], "top_down": [2 * 9, 2 * 30, 2 * 30]}
    assert sizes == wanted[kind]
    assert list(code.parts) == ["level_1", "level_2", "level_3"]
    assert code.latent_shape == (sum(sizes),)
    assert called(code)["latent"].shape == (5, sum(sizes))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sample", [True, False])
def test_codes_alone_lead_to_the_state_that_they_were_drawn_in(kind: str, sample: bool) -> None:
    code = built(kind)
    outputs = called(code, sample)
    state = code.generate(ops.convert_to_tensor(outputs["latent"]))
    np.testing.assert_allclose(ops.convert_to_numpy(state), outputs["state"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_is_the_code_and_a_draw_is_the_mean_and_noise(kind: str) -> None:
    code = built(kind)
    mean = called(code)
    np.testing.assert_array_equal(mean["latent"], mean["mean"])
    code.noise.reset_evaluation(3)
    outputs = called(code, sample=True)
    noise = (outputs["latent"] - outputs["mean"]) / np.exp(0.5 * outputs["log_var"])
    code.noise.reset_evaluation(3)
    wanted = ops.convert_to_numpy(code.noise.normal(noise.shape))
    np.testing.assert_allclose(noise, wanted, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_lower_levels_see_the_draws_of_upper_ones(kind: str) -> None:
    code = built(kind)
    draws = [called(code, sample=True) for _ in range(2)]
    top, *others = code.parts.values()
    np.testing.assert_allclose(draws[0]["mean"][:, top], draws[1]["mean"][:, top], rtol=1e-5)
    for part in others:
        assert (abs(draws[0]["mean"][:, part] - draws[1]["mean"][:, part]).max(1) > 1e-4).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_divergence_is_that_of_the_levels_from_their_own_priors(kind: str) -> None:
    """The same in units of the prior: KL(N(m, s) || N(0, 1)) of u is KL(q || p) of z."""
    code = built(kind)
    outputs = code(ops.convert_to_tensor(MAPS), sample=True)
    rate = ops.convert_to_numpy(code.kl(outputs, StandardNormal()))
    seen = code.bottom_up(outputs["features"])
    state, total = code.first_state(outputs["features"]), np.zeros_like(rate)
    slices = zip(code.parts.values(), code.shapes, strict=True)
    for level, (part, shape) in enumerate(slices):
        prior, state = code.prior(level, state)
        u = code.posterior(level, state, seen[level], prior)
        mean, log_var = (np.asarray(ops.convert_to_numpy(v), "f8") for v in prior)
        u_mean, u_log_var = (np.asarray(ops.convert_to_numpy(v), "f8") for v in u)
        q_mean = mean + np.exp(0.5 * log_var) * u_mean
        q_var = np.exp(log_var + u_log_var)
        each = 0.5 * ((q_var + (q_mean - mean) ** 2) / np.exp(log_var) - 1)
        each += 0.5 * (log_var - np.log(q_var))
        total[:, part] = each.reshape(len(MAPS), -1)
        drawn = outputs["latent"][:, part]
        z = prior.mean + ops.exp(0.5 * prior.log_var) * ops.reshape(drawn, (-1, *shape))
        state = code.advance(level, state, z)
    np.testing.assert_allclose(rate, total, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_density_is_that_of_the_draws(kind: str) -> None:
    code = built(kind)
    outputs = code(ops.convert_to_tensor(MAPS), sample=True)
    got = ops.convert_to_numpy(code.log_prob(outputs))
    latent, mean, log_var = (
        ops.convert_to_numpy(outputs[key]).astype("f8") for key in ("latent", "mean", "log_var")
    )
    wanted = stats.norm(mean, np.exp(0.5 * log_var)).logpdf(latent).sum(1)
    np.testing.assert_allclose(got, wanted, rtol=1e-4)
