"""What distributions over numbers of codes share."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.bottlenecks.quantizers import LookupFreeQuantizer
from keras_ae.distributions.noise import Noise
from keras_ae.objectives import Quantization, Reconstruction
from keras_ae.samplers import CausalTransformer, MaskedTransformer, PixelCNN
from keras_ae.samplers.code_prior import chosen, drawn

RNG = np.random.default_rng(0)


def test_numbers_are_drawn_by_the_inverse_of_their_distribution() -> None:
    shares = np.array([0.2, 0.0, 0.5, 0.3])
    with np.errstate(divide="ignore"):
        log_probs = np.maximum(np.log(shares), -1e9).astype("f4")
    uniform = np.array([0.0, 0.19, 0.21, 0.69, 0.71, 0.9999999], "f4")
    got = ops.convert_to_numpy(
        drawn(ops.convert_to_tensor(np.tile(log_probs, (6, 1))), ops.convert_to_tensor(uniform))
    )
    assert got.tolist() == [0, 0, 2, 2, 3, 3]


def test_what_is_chosen_is_the_entry_of_the_number() -> None:
    log_probs = RNG.normal(size=(3, 4, 5)).astype("f4")
    numbers = RNG.integers(5, size=(3, 4)).astype("int32")
    got = chosen(ops.convert_to_tensor(log_probs), ops.convert_to_tensor(numbers))
    wanted = np.take_along_axis(log_probs, numbers[..., None], axis=-1)[..., 0]
    np.testing.assert_array_equal(ops.convert_to_numpy(got), wanted)


PRIORS: dict[str, Any] = {
    "causal": lambda: CausalTransformer(width=8, depth=1, heads=2, epochs=1),
    "masked": lambda: MaskedTransformer(width=8, depth=1, heads=2, epochs=1, rounds=4, orders=40),
}
SIZES = (2, 4)


def of_uneven_levels() -> Any:
    """A model of two vectors of three bits, of which the first has a number of its own."""
    quantizer = LookupFreeQuantizer(3, tokens=2)
    quantizer.index_groups, quantizer.sizes = (1, 2), SIZES
    return keras_ae.LatentModel(
        (5,), bottleneck=quantizer, objective=[Reconstruction(), Quantization()], hidden=[8]
    )


def uneven(name: str) -> tuple[Any, Any]:
    """A model of uneven levels and a prior that was not trained, of which rows are unlike."""
    model, prior = of_uneven_levels(), PRIORS[name]()
    prior.make_weights_for(model)
    for weight in prior.network.weights:
        weight.assign(RNG.normal(size=weight.shape) * 0.5)
    return model, prior


def started() -> Noise:
    noise = Noise()
    noise.reset_evaluation(1)
    return noise


@pytest.mark.parametrize("name", PRIORS)
def test_levels_of_fewer_codes_have_no_others(name: str) -> None:
    _, prior = uneven(name)
    log_probs = ops.convert_to_numpy(prior.of_position(ops.zeros((1, 4, 4))))
    np.testing.assert_allclose(np.exp(log_probs).sum(-1), 1.0, rtol=1e-5)
    for position, size in enumerate(SIZES * 2):
        np.testing.assert_allclose(np.exp(log_probs[0, position, :size]), 1 / size, rtol=1e-5)


@pytest.mark.parametrize("name", PRIORS)
def test_numbers_that_a_level_lacks_have_no_probability(name: str) -> None:
    _, prior = uneven(name)
    there = np.array(list(np.ndindex(SIZES * 2)), "int32").reshape(-1, 2, 2)
    total = np.logaddexp.reduce(prior.log_prob(there))
    assert total == pytest.approx(0.0, abs=1e-4) if name == "causal" else total < 0.1
    lacking = there.copy().reshape(-1, 4)
    lacking[:, 2 * RNG.integers(2, size=len(there))] = 2
    given = ops.convert_to_tensor(lacking)
    found = ops.convert_to_numpy(prior.log_likelihood(prior.network, given, False))
    assert (found < -1e4).all()


@pytest.mark.parametrize("number", [2, 7, -1, 0.5])
@pytest.mark.parametrize("name", PRIORS)
def test_numbers_that_have_no_code_are_refused(name: str, number: float) -> None:
    model, prior = uneven(name)
    rows = np.zeros((3, 2, 2))
    rows[1, 1, 0] = number
    said = f"from 0 to 1 at place 2 of a row. Received: {number}"
    with pytest.raises(ValueError, match=re.escape(said)):
        prior.log_prob(rows)
    with pytest.raises(ValueError, match="whole numbers from 0"):
        prior.fit_codes(model, None, rows, labels=None, seed=0)


def test_a_prior_that_was_not_fitted_says_so() -> None:
    with pytest.raises(ValueError, match="must be fitted before"):
        CausalTransformer(width=8, heads=2).log_prob([[0, 0]])


@pytest.mark.parametrize(
    "make",
    [
        lambda: CausalTransformer(width=8, depth=1, heads=2, epochs=2),
        lambda: PixelCNN(filters=4, depth=1, kernel_size=3, epochs=2),
        lambda: MaskedTransformer(width=8, depth=1, heads=2, epochs=2),
    ],
    ids=["causal", "pixel_cnn", "masked"],
)
def test_a_seed_tells_what_is_random_in_fitting(make: Any) -> None:
    model = keras_ae.create("vq_vae", input_shape=(5,), num_codes=3, tokens=4, hidden=[8])
    rows, found = RNG.integers(3, size=(40, 4)), []
    for other in (1, 2):
        keras.utils.set_random_seed(other)
        prior = make()
        prior.fit_codes(model, None, rows, labels=None, seed=5)
        found.append(np.concatenate([w.ravel() for w in prior.network.get_weights()]))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("name", PRIORS)
def test_numbers_that_a_level_lacks_are_never_drawn(name: str) -> None:
    model, prior = uneven(name)
    rows = ops.convert_to_numpy(prior.draw(3_000, started(), False))
    np.testing.assert_array_equal(rows.min(0), 0)
    np.testing.assert_array_equal(rows.max(0), [1, 3, 1, 3])
    codes = prior.sample((40, *model.latent_shape), started(), model=model)
    assert set(np.unique(ops.convert_to_numpy(codes))) == {-1.0, 1.0}


def test_samples_are_the_codes_of_drawn_numbers_in_the_order_of_the_indices() -> None:
    model, prior = uneven("causal")
    rows = ops.convert_to_numpy(prior.draw(40, started(), False)).reshape(-1, 2, 2)
    codes = prior.sample((40, *model.latent_shape), started(), model=model)
    wanted = model.bottleneck.lookup(ops.convert_to_tensor(rows))
    np.testing.assert_array_equal(*map(ops.convert_to_numpy, (codes, wanted)))


def test_log_prob_does_not_depend_on_the_batches() -> None:
    _, prior = uneven("causal")
    indices = RNG.integers(SIZES, size=(11, 2, 2))
    whole = prior.log_prob(indices)
    np.testing.assert_allclose(prior.log_prob(indices, batch_size=4), whole, rtol=1e-5)
    np.testing.assert_allclose(prior.log_prob(indices[::-1])[::-1], whole, rtol=1e-5)


def test_too_many_codes_or_too_few_rows_are_refused() -> None:
    many = keras_ae.create("bsq_vae", input_shape=(5,), latent_dim=18, tokens=2, hidden=[8])
    with pytest.raises(ValueError, match=r"at most 65,536 codes. Received: 262,144"):
        CausalTransformer().fit(many, RNG.normal(size=(9, 5)))
    model = keras_ae.create("vq_vae", input_shape=(5,), num_codes=4, tokens=2, hidden=[8])
    with pytest.raises(ValueError, match="needs at least 2 rows"):
        CausalTransformer(width=8, heads=2).fit(model, RNG.normal(size=(1, 5)))


def test_indices_of_another_shape_are_refused() -> None:
    model = keras_ae.create("vq_vae", input_shape=(5,), num_codes=4, tokens=2, hidden=[8])
    prior = CausalTransformer(width=8, depth=1, heads=2, epochs=1)
    prior.fit(model, RNG.normal(size=(9, 5)).astype("f4"))
    with pytest.raises(ValueError, match="indices"):
        prior.log_prob(np.zeros((3, 5), "int32"))
