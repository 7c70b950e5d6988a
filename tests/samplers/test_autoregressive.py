"""Priors over codes, each number given those before."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import logsumexp

import keras_ae
from keras_ae.distributions.noise import Noise
from keras_ae.samplers import CausalTransformer, PixelCNN

RNG = np.random.default_rng(0)
SMALL: dict[str, Any] = {
    "causal_transformer": lambda: CausalTransformer(width=8, depth=1, heads=2, epochs=1),
    "pixel_cnn": lambda: PixelCNN(filters=4, depth=2, kernel_size=3, epochs=1),
}


def model() -> Any:
    keras.utils.set_random_seed(0)
    return keras_ae.create(
        "vq_vae", input_shape=(5,), latent_dim=2, num_codes=3, tokens=4, hidden=[8]
    )


def fitted(name: str) -> Any:
    """A prior over 3^4 rows of numbers, with weights that make them unlike."""
    made = model()
    prior = SMALL[name]().fit(made, RNG.normal(size=(20, 5)).astype("f4"))
    for weight in prior.network.weights:
        weight.assign(RNG.normal(size=weight.shape) * 0.5)
    return made, prior


EVERY = np.array(list(itertools.product(range(3), repeat=4)), "int32")


@pytest.mark.parametrize("name", SMALL)
def test_the_probabilities_of_all_rows_are_one(name: str) -> None:
    _, prior = fitted(name)
    assert logsumexp(prior.log_prob(EVERY)) == pytest.approx(0.0, abs=1e-4)
    assert np.ptp(prior.log_prob(EVERY)) > 0.05


@pytest.mark.parametrize("name", SMALL)
def test_rows_are_drawn_as_often_as_they_are_likely(name: str) -> None:
    _, prior = fitted(name)
    noise = Noise()
    noise.reset_evaluation(1)
    rows = ops.convert_to_numpy(prior.draw(8_000, noise, False))
    counts = np.bincount(rows @ 3 ** np.arange(3, -1, -1), minlength=81)
    wanted = np.exp(prior.log_prob(EVERY))
    np.testing.assert_allclose(counts / 8_000, wanted, atol=0.02)


@pytest.mark.parametrize("name", SMALL)
def test_training_finds_what_the_codes_have_in_common(name: str) -> None:
    """Rows that are one of three: their entropy is log 3."""
    made, prior = model(), SMALL[name]()
    prior.epochs, prior.learning_rate = 40, 0.02
    rows = RNG.integers(3, size=(3, 4))[RNG.integers(3, size=300)]
    prior.make_weights_for(made)
    prior.fit_codes(made, None, rows, labels=None, seed=0)
    assert -prior.log_prob(rows).mean() < np.log(3) + 0.25


def test_a_map_is_read_in_the_order_of_its_rows() -> None:
    made = keras_ae.create(
        "vq_vae", input_shape=(4, 4, 1), latent_dim=2, num_codes=3, encoder="conv", hidden=[4]
    )
    prior = PixelCNN(filters=4, depth=2, epochs=1)
    prior.fit(made, RNG.random((20, 4, 4, 1)).astype("f4"))
    assert prior.log_prob(EVERY.reshape(-1, 2, 2)).shape == (81,)
    assert made.sample(3, seed=0).shape == (3, 4, 4, 1)


def test_several_levels_are_one_sequence() -> None:
    made = keras_ae.create(
        "rq_vae", input_shape=(5,), latent_dim=2, num_codes=3, levels=2, tokens=2, hidden=[8]
    )
    x = RNG.normal(size=(20, 5)).astype("f4")
    prior = SMALL["causal_transformer"]().fit(made, x)
    assert prior.log_prob(made.encode_indices(x)).shape == (20,)
    assert made.sample(3, seed=0).shape == (3, 5)
    with pytest.raises(ValueError, match=r"PixelCNN is of maps with one number in each place"):
        SMALL["pixel_cnn"]().fit(made, x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CausalTransformer(width=9, heads=2), "`width` must be a multiple"),
        (lambda: CausalTransformer(dropout=1.0), "`dropout` must be a share"),
        (lambda: PixelCNN(kernel_size=4), "`kernel_size` must be odd"),
    ],
)
def test_impossible_arguments_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
