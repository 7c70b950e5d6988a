"""The steps of the Wasserstein autoencoder with a critic."""

from __future__ import annotations

from typing import Any

from keras import ops

from tests.objectives.played import (
    LATENT,
    NORMAL,
    Losses,
    check_one_gradient,
    check_phases,
    data,
    fixed,
    make,
)


def algorithm_1(model: Any, matching: float) -> Losses:
    """Tolstikhin et al. (2018), algorithm 1, with a normal of variance 1 for the cost."""
    critic = model.objective[1].critic

    def code() -> Any:
        return model.bottleneck(model.encoder(data()))["latent"]

    def error() -> Any:
        return 0.5 * ops.mean(ops.sum((data() - model.decoder(code())) ** 2, axis=1))

    def autoencoder() -> Any:
        return error() + matching * ops.mean(ops.softplus(-critic(code())))

    def discriminator() -> Any:
        drawn = critic(fixed(NORMAL[LATENT]))
        return ops.mean(ops.softplus(-drawn) + ops.softplus(critic(code())))

    return {"encoder": autoencoder, "decoder": error, "critic": discriminator}


def test_wae_gan_gives_each_network_the_gradient_of_its_own_loss() -> None:
    model = make("wae_gan", critic_hidden=[8], matching=3.0)
    check_one_gradient(model, algorithm_1(model, 3.0))


def test_wae_gan_in_phases_moves_the_critic_before_the_autoencoder() -> None:
    model = make("wae_gan", critic_hidden=[8], matching=3.0, alternate=True)
    losses = algorithm_1(model, 3.0)
    phases = [("critic", losses["critic"]), ("encoder+decoder", losses["encoder"])]
    check_phases(model, phases, 0.1)
