"""The game of Daniel and Tamar (2021) without a critic: values, and who gets which gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.objectives import Introspection
from keras_ae.typing import Batch
from tests.contract.dense import relu_stack, weights_of
from tests.objectives.played import (
    LATENT,
    NORMAL,
    SIZE,
    Losses,
    X,
    bernoulli_cost,
    check_one_gradient,
    check_phases,
    codes,
    data,
    fixed,
    gradient_in,
    gradients_by,
    kl,
    make,
    weights_of_networks,
)

BETA, GAMMA, ALPHA, NEGATIVE, OWN = 0.6, 0.5, 1.5, 0.8, 0.25


def soft_intro_vae(**options: Any) -> Any:
    given = {"beta": BETA, "gamma": GAMMA, "alpha": ALPHA, "negative_rate": NEGATIVE}
    given["decoder_reconstruction"] = OWN
    return make("soft_intro_vae", likelihood="bernoulli", **{**given, **options})


def equation_4(model: Any) -> Losses:
    """Daniel and Tamar (2021), equation 4, each ELBO divided by the example's size, times it."""

    def real() -> Any:
        z, mean, log_var = codes(model, data())
        return bernoulli_cost(data(), model.decoder(z)) + BETA * kl(mean, log_var)

    def made() -> Any:
        return ops.sigmoid(model.decoder(fixed(NORMAL[LATENT])))

    def encoder() -> Any:
        z, mean, log_var = codes(model, made())
        elbo = -NEGATIVE * kl(mean, log_var) - bernoulli_cost(made(), model.decoder(z))
        return ops.mean(real() + SIZE / ALPHA * ops.exp(ALPHA * elbo / SIZE))

    def decoder() -> Any:
        z, mean, log_var = codes(model, made())
        again = model.decoder(ops.stop_gradient(z))
        own = bernoulli_cost(ops.stop_gradient(made()), again)
        return ops.mean(real() + GAMMA * (BETA * kl(mean, log_var) + OWN * own))

    return {"encoder": encoder, "decoder": decoder}


def played(model: Any) -> Any:
    batch = Batch(ops.convert_to_tensor(X), ops.convert_to_tensor(X))
    outputs = model.autoencode(batch, training=False, sample=True)
    return model.objective[2].shares(model, batch, outputs, False)


def test_each_network_gets_the_gradient_of_its_own_loss() -> None:
    model = soft_intro_vae()
    check_one_gradient(model, equation_4(model))


def test_in_phases_the_encoder_moves_before_the_decoder() -> None:
    model = soft_intro_vae(alternate=True)
    losses = equation_4(model)
    check_phases(model, [(name, losses[name]) for name in ("encoder", "decoder")], 0.1)


def test_both_shares_are_the_elbos_of_decoded_examples() -> None:
    model = soft_intro_vae()
    code, weights = model.bottleneck, model.decoder.get_weights()
    made = 1 / (1 + np.exp(-relu_stack(weights, NORMAL[LATENT])))
    h = relu_stack(model.encoder.get_weights(), made, last=True)
    mean, log_var = (
        h @ kernel + bias for kernel, bias in map(weights_of, (code.mean_head, code.log_var_head))
    )
    p = 1 / (1 + np.exp(-relu_stack(weights, mean + np.exp(log_var / 2) * NORMAL[LATENT])))
    distortion = -(made * np.log(p) + (1 - made) * np.log1p(-p)).sum(1)
    rate = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(1)
    decoder, encoder = map(ops.convert_to_numpy, played(model))
    np.testing.assert_allclose(decoder, BETA * rate + OWN * distortion, rtol=1e-4)
    elbo = -NEGATIVE * rate - distortion
    wanted = SIZE / ALPHA * np.exp(ALPHA * elbo / SIZE)
    np.testing.assert_allclose(encoder, wanted, rtol=1e-4)


@pytest.mark.parametrize(("share", "player"), [(0, "decoder"), (1, "encoder")])
def test_a_share_reaches_the_weights_of_its_player_only(share: int, player: str) -> None:
    model = soft_intro_vae()
    for name in ("encoder", "decoder"):
        variables = weights_of_networks(model)[name]
        found = gradients_by(lambda: ops.sum(played(model)[share]), variables)
        largest = [abs(g).max() for g in found]
        assert min(largest) > 1e-4 if name == player else max(largest) == 0.0, name


def test_the_data_and_their_codes_have_no_part_in_it() -> None:
    model = soft_intro_vae()

    def total(x: Any) -> Any:
        outputs = model.autoencode(Batch(x, x), training=False, sample=True)
        decoder, encoder = model.objective[2].shares(model, Batch(x, x), outputs, False)
        return ops.sum(decoder + encoder) + 0.0 * ops.sum(x)

    assert abs(gradient_in(total, X)).max() == 0.0


@pytest.mark.parametrize("alpha", [0.0, -2.0, float("nan")])
def test_alpha_must_be_positive(alpha: float) -> None:
    with pytest.raises(ValueError, match="`alpha` must be"):
        Introspection(alpha=alpha)
