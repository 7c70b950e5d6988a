"""Networks of several modalities in one vector."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae import networks
from keras_ae.networks import modal

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("condition_size", [0, 2])
def test_features_are_those_of_each_modality_and_say_which_are_there(condition_size: int) -> None:
    told = {"condition_size": condition_size}
    image = networks.encoder("conv", (4, 4, 1), [3], **told)
    label = networks.encoder("mlp", (3,), [5], **told)
    both = modal.encoder([image, label], [(4, 4, 1), (3,)], condition_size)
    x = RNG.normal(size=(4, 19 + condition_size)).astype("f4")
    mask = np.ones((4, 19), "bool")
    mask[1, :16] = mask[2, 16:] = mask[3] = False
    mask[0, 3:9] = False  # of a modality that is there
    got = ops.convert_to_numpy(both(ops.convert_to_tensor(x), mask=ops.convert_to_tensor(mask)))
    c = ops.convert_to_tensor(x[:, 19:]) if condition_size else None
    parts = [
        network(networks.joined(network, ops.convert_to_tensor(part), c))
        for network, part in ((image, x[:, :16].reshape(4, 4, 4, 1)), (label, x[:, 16:19]))
    ]
    wanted = np.concatenate([ops.convert_to_numpy(p).reshape(4, -1) for p in parts], axis=1)
    np.testing.assert_allclose(got[:, :-2], wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(got[:, -2:], [[1, 1], [0, 1], [1, 0], [0, 0]])
    whole = ops.convert_to_numpy(both(ops.convert_to_tensor(x)))
    np.testing.assert_array_equal(whole[:, -2:], np.ones((4, 2)))


def test_a_decoder_puts_the_blocks_of_each_modality_one_after_another() -> None:
    image = networks.decoder("conv", (2,), (4, 4, 2), [3])
    label = networks.decoder("mlp", (2,), (3,), [5])
    both = modal.decoder([image, label], [2, 1])
    z = ops.convert_to_tensor(RNG.normal(size=(5, 2)).astype("f4"))
    picture, logits = (ops.convert_to_numpy(network(z)) for network in (image, label))
    wanted = np.concatenate(
        [picture[..., 0].reshape(5, -1), picture[..., 1].reshape(5, -1), logits], axis=1
    )
    np.testing.assert_allclose(ops.convert_to_numpy(both(z)), wanted, rtol=1e-5, atol=1e-6)


def test_parts_stand_one_after_another() -> None:
    assert modal.places([3, 1, 2]) == [(0, 3), (3, 4), (4, 6)]
