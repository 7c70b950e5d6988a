"""Transformers of sequences of codes."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.networks import transformer
from tests.networks import tokens as oracle
from tests.networks.maps import fill

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("causal", [True, False])
def test_which_positions_a_position_sees(causal: bool) -> None:
    network = transformer.of_tokens(6, 4, 3, width=8, depth=2, heads=2, causal=causal)
    for weight in network.weights:
        weight.assign(RNG.normal(size=weight.shape))
    tokens = RNG.integers(4, size=6)
    changed = np.repeat(tokens[None], 6, axis=0)
    changed[range(6), range(6)] = (tokens + 1) % 4
    rows = np.concatenate([tokens[None], changed]).astype("int32")
    found = ops.convert_to_numpy(network(rows))
    seen = abs(found[1:] - found[:1]).max(-1) > 1e-4 * abs(found).max()
    wanted = np.triu(np.ones((6, 6), "bool")) if causal else np.ones((6, 6), "bool")
    np.testing.assert_array_equal(seen, wanted)


@pytest.mark.parametrize(("causal", "heads"), [(True, 2), (True, 1), (False, 3)])
def test_logits_are_those_of_the_papers_layers(causal: bool, heads: int) -> None:
    network = transformer.of_tokens(5, 4, 3, width=6, depth=2, heads=heads, causal=causal)
    tokens = RNG.integers(4, size=(7, 5)).astype("int32")
    wanted = oracle.transformer(fill(network, RNG), tokens, causal=causal)
    np.testing.assert_allclose(ops.convert_to_numpy(network(tokens)), wanted, rtol=1e-4, atol=1e-4)
    assert np.ptp(wanted, axis=0).min() > 0.05


def test_only_training_leaves_anything_out() -> None:
    network = transformer.of_tokens(5, 4, 3, width=6, depth=1, heads=2, dropout=0.5)
    fill(network, RNG)
    tokens = RNG.integers(4, size=(7, 5)).astype("int32")
    quiet, again, loud = (
        ops.convert_to_numpy(network(tokens, training=training))
        for training in (False, False, True)
    )
    np.testing.assert_array_equal(quiet, again)
    assert abs(quiet - loud).max() > 0.1


def test_positions_are_told_apart() -> None:
    network = transformer.of_tokens(3, 4, 3, width=8, depth=1, heads=2, causal=False)
    out = ops.convert_to_numpy(network(np.ones((1, 3), "int32")))[0]
    assert abs(out[0] - out[1]).max() > 1e-6


def test_a_width_that_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="`width` must be a multiple of `heads`"):
        transformer.of_tokens(3, 4, 3, width=9, heads=2)
