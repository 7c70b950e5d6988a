from __future__ import annotations

import pytest

import keras_ae
from keras_ae.registry import variant


def test_every_variant_says_what_it_is_and_whose_paper_it_follows() -> None:
    for name in keras_ae.list_variants():
        info = keras_ae.describe(name)
        assert info.summary.endswith(".")
        assert len(info.summary) <= 90
        assert "http" in info.paper
        assert {"input_shape", "latent_dim"} <= set(info.parameters)


def test_an_unknown_variant_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(ValueError, match="Did you mean 'beta_vae'"):
        keras_ae.create("betta_vae", input_shape=(3,))


def test_an_unknown_hyper_parameter_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="Received: 'latent_dims'. Did you mean 'latent_dim'"):
        keras_ae.create("vae", input_shape=(3,), latent_dims=2)


def test_a_missing_hyper_parameter_is_named() -> None:
    with pytest.raises(ValueError, match="variant 'vae' needs `input_shape`"):
        keras_ae.create("vae", latent_dim=2)


def test_a_class_must_be_named_as_its_file() -> None:
    with pytest.raises(ValueError, match="named as its file"):

        @variant(paper="nobody, http://example.org")
        class SomethingElse(keras_ae.LatentModel):
            """Does nothing."""
