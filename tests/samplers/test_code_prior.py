"""What distributions over numbers of codes share."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.samplers import CausalTransformer
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


def test_levels_of_fewer_codes_have_no_others() -> None:
    model = keras_ae.create("bsq_vae", input_shape=(5,), latent_dim=4, tokens=2, hidden=[8])
    model.bottleneck.sizes = (4, 16)  # as a bottleneck of two levels would have them
    model.bottleneck.__class__ = type(
        "Two", (type(model.bottleneck),), {"index_shape": property(lambda self: (2, 2))}
    )
    prior = CausalTransformer(width=8, depth=1, heads=2)
    prior.make_weights_for(model)
    log_probs = ops.convert_to_numpy(prior.of_position(ops.zeros((1, 4, 16))))
    np.testing.assert_allclose(np.exp(log_probs).sum(-1), 1.0, rtol=1e-5)
    for position, size in enumerate((4, 16, 4, 16)):
        np.testing.assert_allclose(np.exp(log_probs[0, position, :size]), 1 / size, rtol=1e-5)


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
