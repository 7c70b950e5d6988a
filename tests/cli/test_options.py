from __future__ import annotations

from typing import Any

import click
import pytest

from keras_ae.cli.main import cli
from keras_ae.cli.options import Ints, Names, arguments, hyper_parameters


def read(variant: str, *given: str) -> dict[str, Any]:
    command = click.Command(variant, params=list(hyper_parameters(variant)))
    with command.make_context(variant, list(given)) as context:
        return arguments(context.params, variant)


def test_what_is_not_given_is_left_to_the_variant() -> None:
    assert read("vae") == {}


def test_values_have_the_types_of_the_signature() -> None:
    assert read("beta_vae", "--beta", "3", "--hidden", "64,32", "--latent-dim", "5") == {
        "beta": 3.0,
        "hidden": [64, 32],
        "latent_dim": 5,
    }
    assert read("linear_autoencoder", "--tied", "true") == {"tied": True}


def test_a_nested_option_names_its_part_or_sets_the_default_one() -> None:
    both = ("--likelihood", "gaussian", "--likelihood.scale", "0.5")
    assert read("vae", *both) == {"likelihood": {"name": "gaussian", "scale": 0.5}}
    default = read("denoising_autoencoder", "--corruption.scale", "0.1")
    assert default == {"corruption": {"name": "gaussian_noise", "scale": 0.1}}
    assert read("vae", "--encoder.activation", "tanh") == {
        "encoder": {"name": "mlp", "activation": "tanh"}
    }


def test_a_nested_option_without_a_part_is_refused() -> None:
    with pytest.raises(ValueError, match=r"--corruption\.scale needs a part to set"):
        arguments({"corruption__scale": 0.1}, "autoencoder")


def test_underscores_and_hyphens_are_the_same() -> None:
    assert read("vae", "--latent_dim", "3") == read("vae", "--latent-dim", "3")


def test_lists_of_whole_numbers() -> None:
    assert Ints().convert("4, 5", None, None) == [4, 5]
    assert Ints().convert("none", None, None) == []
    with pytest.raises(click.BadParameter, match="whole numbers with commas"):
        Ints().convert("4;5", None, None)


def test_lists_of_names() -> None:
    assert read("perceptual_vae", "--layers", "one, two") == {"layers": ["one", "two"]}
    assert Names().convert("none", None, None) == []


def test_every_option_of_every_verb_is_explained() -> None:
    silent = [
        f"{name} {parameter.opts[0]}"
        for name, command in cli.commands.items()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert not silent
