from __future__ import annotations

import pytest

from keras_ae.naming import nearest, snake_case


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("GaussianNoise", "gaussian_noise"),
        ("VAE", "vae"),
        ("BetaVAE", "beta_vae"),
        ("L1Sparsity", "l1_sparsity"),
    ],
)
def test_class_names_become_file_names(name: str, wanted: str) -> None:
    assert snake_case(name) == wanted


def test_a_hint_names_the_nearest_or_everything() -> None:
    assert nearest("gausian", ["gaussian", "bernoulli"]) == "Did you mean 'gaussian'?"
    assert nearest("zzz", ["b", "a"]) == "Known: ['a', 'b']."


def test_the_nearest_name_is_found_whatever_the_case() -> None:
    assert nearest("VAE", ["vae", "vq_vae"]).startswith("Did you mean 'vae'")
