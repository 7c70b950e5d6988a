"""The steps of the adversarial autoencoder's forms with clusters and with labels."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from tests.objectives.played import (
    LABELS,
    Losses,
    X,
    check_one_gradient,
    check_phases,
    clustered,
    data,
    drawn_parts,
    fixed,
    make,
)


def section_5(model: Any) -> Losses:
    """Makhzani et al. (2015), section 5: a critic of the style and one of the clusters."""
    terms = {"style": model.objective[1].critic, "clusters": model.objective[2].critic}

    def parts() -> tuple[Any, dict[str, Any]]:
        h = model.encoder(data())
        heads = model.bottleneck
        return h, {"style": heads.style(h), "clusters": heads.shares(h)}

    def error() -> Any:
        code = ops.concatenate(list(parts()[1].values()), axis=1)
        squares = (data() - model.decoder(code)) ** 2
        return ops.mean(0.5 * ops.sum(squares, axis=1))

    def game() -> Any:
        costs = [ops.softplus(-terms[name](part)[:, 0]) for name, part in parts()[1].items()]
        return 0.4 * ops.mean(sum(costs))

    def critic() -> Any:
        costs = [
            ops.softplus(-terms[name](fixed(drawn_parts()[name]))) + ops.softplus(terms[name](part))
            for name, part in parts()[1].items()
        ]
        return ops.mean(sum(costs))

    return {
        "encoder": lambda: error() + game(),
        "decoder": error,
        "critic": critic,
        "reconstruction": error,
        "game": game,
    }


def test_each_part_has_a_critic_and_each_network_the_gradient_of_its_own_loss() -> None:
    model = clustered()
    losses = section_5(model)
    check_one_gradient(model, {name: losses[name] for name in ("encoder", "decoder", "critic")})


def test_the_parts_are_played_for_in_phases_too() -> None:
    """Reconstruction, both critics, and the encoder against both."""
    model = clustered(alternate=True)
    losses = section_5(model)
    phases = [
        ("encoder+decoder", losses["reconstruction"]),
        ("critic", losses["critic"]),
        ("encoder", losses["game"]),
    ]
    check_phases(model, phases, 0.1)


def labelled(**options: Any) -> Any:
    given = {"condition": {"name": "label", "categories": 3}, "told": True}
    given |= {"prior": "class_normals", "critic_hidden": [7], "adversarial": 0.4}
    return make("adversarial_autoencoder", **{**given, **options})


@pytest.mark.parametrize("alternate", [False, True])
def test_a_told_game_moves_every_weight(alternate: bool) -> None:
    model = labelled(alternate=alternate)
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    before = [np.array(ops.convert_to_numpy(v)) for v in model.trainable_variables]
    model.fit({"x": X, "condition": LABELS}, batch_size=8, verbose=0)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert (ops.convert_to_numpy(variable) != old).any(), variable.path


def test_a_prior_beside_clusters_is_refused() -> None:
    with pytest.raises(ValueError, match="`prior` is fixed where there are clusters"):
        keras_ae.create(
            "adversarial_autoencoder", input_shape=(6,), clusters=3, prior="gaussian_mixture"
        )
