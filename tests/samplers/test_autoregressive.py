"""Priors over codes, each number given those before."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import log_softmax, logsumexp

import keras_ae
from keras_ae.distributions.noise import Noise
from keras_ae.samplers import CausalTransformer, MaskedTransformer, PixelCNN
from tests.networks import tokens as oracle
from tests.samplers import codes

RNG = np.random.default_rng(0)
SMALL: dict[str, Any] = {
    "causal_transformer": lambda: CausalTransformer(width=8, depth=1, heads=2, epochs=1),
    "pixel_cnn": lambda: PixelCNN(filters=4, depth=2, kernel_size=3, epochs=1),
}
QUICK: dict[str, Any] = {"dropout": 0.0, "epochs": 8, "learning_rate": 0.02}
EVERY = codes.every(3, 4)


def model(num_codes: int = 3, tokens: int = 4) -> Any:
    keras.utils.set_random_seed(0)
    return keras_ae.create(
        "vq_vae", input_shape=(5,), latent_dim=2, num_codes=num_codes, tokens=tokens, hidden=[8]
    )


def of_maps() -> Any:
    return keras_ae.create(
        "vq_vae", input_shape=(4, 4, 1), latent_dim=2, num_codes=3, encoder="conv", hidden=[4]
    )


def prior_of(name: str, made: Any) -> Any:
    """A prior that was not trained, with weights that make rows unlike."""
    prior = SMALL[name]()
    prior.make_weights_for(made)
    for weight in prior.network.weights:
        weight.assign(RNG.normal(size=weight.shape) * 0.5)
    return prior


def logits(prior: Any, numbers: np.ndarray) -> np.ndarray:
    """The paper's logits for each of the numbers, `(batch, length, numbers)`."""
    weights = {layer.name: layer.get_weights() for layer in prior.network.layers}
    if isinstance(prior, PixelCNN):
        return oracle.pixel_cnn(weights, numbers[:, None])[:, 0]
    start = np.full_like(numbers[:, :1], prior.vocabulary)  # the token after all numbers
    given = np.concatenate([start, numbers[:, :-1]], axis=1)
    return oracle.transformer(weights, given, causal=True)


def draws(prior: Any, rows: int) -> np.ndarray:
    noise = Noise()
    noise.reset_evaluation(1)
    return ops.convert_to_numpy(prior.draw(rows, noise, False))


@pytest.mark.parametrize("name", SMALL)
def test_the_probabilities_of_all_rows_are_one(name: str) -> None:
    prior = prior_of(name, model())
    assert logsumexp(prior.log_prob(EVERY)) == pytest.approx(0.0, abs=1e-4)
    assert np.ptp(prior.log_prob(EVERY)) > 0.05


@pytest.mark.parametrize("name", SMALL)
def test_the_law_of_each_number_is_that_of_the_papers_network(name: str) -> None:
    prior = prior_of(name, model())
    got = ops.convert_to_numpy(prior.log_probs(prior.network, ops.convert_to_tensor(EVERY)))
    wanted = log_softmax(logits(prior, EVERY), axis=-1)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_log_prob_sums_what_the_papers_network_gives_each_number(name: str) -> None:
    prior = prior_of(name, model())
    wanted = oracle.log_prob(logits(prior, EVERY), EVERY).sum(1)
    np.testing.assert_allclose(prior.log_prob(EVERY), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_rows_are_drawn_as_often_as_they_are_likely(name: str) -> None:
    prior = prior_of(name, model())
    rows = draws(prior, 10_000)
    wanted = oracle.log_prob(logits(prior, EVERY), EVERY).sum(1)
    assert codes.plausibility(rows, 3, wanted) > 1e-3
    # The test does tell laws apart.
    assert codes.plausibility(rows[:, ::-1], 3, wanted) < 1e-3


@pytest.mark.parametrize(
    "make",
    [
        lambda: CausalTransformer(width=16, depth=1, heads=2, **QUICK),
        lambda: PixelCNN(filters=16, depth=1, kernel_size=3, **QUICK),
    ],
    ids=SMALL,
)
def test_what_is_learned_of_a_markov_chain_costs_its_entropy(make: Any) -> None:
    """Rows that were not trained on cost what they do by the chain, and 4 percent at most."""
    made, prior = model(num_codes=4, tokens=6), make()
    prior.fit_codes(made, None, codes.chain(1_500, 6, RNG), labels=None, seed=0)
    others, entropy = codes.chain(2_000, 6, RNG), codes.chain_entropy(6)
    cost = -prior.log_prob(others).mean()
    assert cost == pytest.approx(entropy, rel=0.05)
    assert -1e-3 < cost + codes.chain_log_prob(others).mean() < 0.04 * entropy


def test_a_map_is_read_in_the_order_of_its_rows() -> None:
    prior = prior_of("pixel_cnn", of_maps())
    maps = EVERY.reshape(-1, 2, 2)
    weights = {layer.name: layer.get_weights() for layer in prior.network.layers}
    wanted = oracle.log_prob(oracle.pixel_cnn(weights, maps), maps).sum((1, 2))
    np.testing.assert_allclose(prior.log_prob(maps), wanted, rtol=1e-4, atol=1e-5)
    assert logsumexp(wanted) == pytest.approx(0.0, abs=1e-9)


def test_maps_are_drawn_as_often_as_they_are_likely() -> None:
    prior = prior_of("pixel_cnn", of_maps())
    rows, wanted = draws(prior, 10_000), prior.log_prob(EVERY.reshape(-1, 2, 2))
    assert codes.plausibility(rows, 3, wanted) > 1e-3
    assert codes.plausibility(rows[:, [0, 2, 1, 3]], 3, wanted) < 1e-3  # transposed


def test_a_fitted_model_draws_maps() -> None:
    made = of_maps()
    SMALL["pixel_cnn"]().fit(made, RNG.random((20, 4, 4, 1)).astype("f4"))
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
        (lambda: MaskedTransformer(width=9, heads=2), "`width` must be a multiple"),
        (lambda: CausalTransformer(dropout=1.0), "`dropout` must be a share"),
        (lambda: PixelCNN(kernel_size=4), "`kernel_size` must be odd"),
    ],
)
def test_impossible_arguments_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
