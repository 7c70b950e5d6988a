"""The variants that are games, and their objectives in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from tests.contract.cases import (
    BERNOULLI,
    SMALL,
    Arrays,
    Case,
    Objective,
    cross_entropy,
    half_squared_error,
    kl,
    with_critic,
)
from tests.contract.dense import leaky_stack, mean_cost, relu_stack, weights_of


def _draws(outputs: Arrays, model: Any, term: Any) -> np.ndarray:
    """Return the draws that a term takes of the prior, first of all its noise."""
    drawn = model.prior.sample(outputs["latent"].shape, term.noise)
    return ops.convert_to_numpy(drawn).astype("f8")


def _decoded(model: Any, z: np.ndarray) -> np.ndarray:
    return relu_stack(model.decoder.get_weights(), z)


def with_permuted(gamma: float) -> Objective:
    """ELBO + gamma log D / (1 - D) + critic's cross-entropy, Kim and Mnih (2018), equation 2."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        term, z = model.objective[2], outputs["latent"].astype("f8")
        uniform = ops.convert_to_numpy(term.noise.uniform(z.shape))
        permuted = np.stack([z[np.argsort(u), j] for j, u in enumerate(uniform.T)], axis=1)
        weights = term.critic.get_weights()
        true, false = (leaky_stack(weights, codes)[:, 0] for codes in (z, permuted))
        critic = 0.5 * (mean_cost(true, True) + mean_cost(false, False))
        elbo = cross_entropy(x, outputs, model) + kl(outputs)
        return elbo + gamma * float(true.mean()) + critic

    return objective


def with_learned_errors(adversarial: float) -> Objective:
    """The sum of what Larsen et al. (2016), algorithm 1, has each network minimise."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        game = model.objective[2]
        drawn = _draws(outputs, model, game)
        made = [1 / (1 + np.exp(-_decoded(model, z))) for z in (outputs["latent"], drawn)]
        features = [
            relu_stack(game.critic.network.get_weights(), rows, last=True) for rows in (x, *made)
        ]
        kernel, bias = weights_of(game.critic.head)
        true, again, new = ((f @ kernel + bias)[:, 0] for f in features)
        critic = mean_cost(true, True) + mean_cost(again, False) + mean_cost(new, False)
        decoder = mean_cost(again, True) + mean_cost(new, True)
        error = 0.5 * ((features[0] - features[1]) ** 2 + np.log(2 * np.pi)).sum(1).mean()
        # gamma weighs a gradient: the value does not show it.
        return float(error) + kl(outputs) + adversarial * decoder + critic

    return objective


def with_pairs(reconstruction: float) -> Objective:
    """Both sides of Donahue et al. (2017), equation 2, with exchanged labels for the networks."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        game, codes = model.objective[1], outputs["latent"].astype("f8")
        drawn = _draws(outputs, model, game)

        def logits(rows: np.ndarray, z: np.ndarray) -> np.ndarray:
            seen = relu_stack(game.critic.network.get_weights(), rows, last=True)
            return leaky_stack(game.critic.pairs.get_weights(), np.hstack([seen, z]))[:, 0]

        inferred, generated = logits(x, codes), logits(_decoded(model, drawn), drawn)
        critic = mean_cost(inferred, True) + mean_cost(generated, False)
        networks = mean_cost(inferred, False) + mean_cost(generated, True)
        error = reconstruction * half_squared_error(x, outputs, model)
        return error + networks + critic

    return objective


def with_introspection(gamma: float, alpha: float, negative: float, own: float) -> Objective:
    """-ELBO(x) + d / alpha exp(alpha ELBO(x_p) / d) - gamma ELBO(x_p), Daniel (2021), eq. 4."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        game, code = model.objective[2], model.bottleneck
        made = 1 / (1 + np.exp(-_decoded(model, _draws(outputs, model, game))))
        h = relu_stack(model.encoder.get_weights(), made, last=True)
        mean, log_var = (
            h @ kernel + bias
            for kernel, bias in map(weights_of, (code.mean_head, code.log_var_head))
        )
        epsilon = ops.convert_to_numpy(code.noise.normal(mean.shape))
        logits = _decoded(model, mean + np.exp(0.5 * log_var) * epsilon)
        distortion = (np.logaddexp(0, logits) - made * logits).sum(1)
        rate = -0.5 * (1 + log_var - mean**2 - np.exp(log_var)).sum(1)
        size = x.shape[1]
        encoder = size / alpha * np.exp(alpha / size * -(negative * rate + distortion))
        decoder = gamma * (rate + own * distortion)
        elbo = cross_entropy(x, outputs, model) + kl(outputs)
        return elbo + float(np.mean(encoder + decoder))

    return objective


GAME: dict[str, Any] = {"critic_hidden": [8]}

ADVERSARIAL = [
    Case("wae_gan", with_critic(2.0), {**SMALL, **GAME, "matching": 2.0}),
    Case("factor_vae", with_permuted(3.0), {**BERNOULLI, **GAME, "gamma": 3.0}),
    Case(
        "vae_gan",
        with_learned_errors(0.25),
        {**BERNOULLI, "critic_hidden": [32], "gamma": 2.0, "adversarial": 0.25},
        distortion="mse",
    ),
    Case(
        "bigan",
        with_pairs(3.0),
        {**SMALL, **GAME, "pair_hidden": [6], "reconstruction": 3.0},
    ),
    Case(
        "soft_intro_vae",
        with_introspection(0.5, 2.0, 3.0, 0.25),
        {
            **BERNOULLI,
            "gamma": 0.5,
            "negative_rate": 3.0,
            "decoder_reconstruction": 0.25,
        },
    ),
]
