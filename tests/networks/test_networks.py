from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from keras_ae import networks


def test_a_name_a_dict_and_a_layer_make_networks() -> None:
    assert networks.encoder("mlp", (4,), [3]).output_shape == (None, 3)
    assert networks.encoder({"name": "mlp", "activation": "tanh"}, (4,)).output_shape == (None, 256)
    assert networks.encoder(keras.layers.Dense(5), (4,)).output_shape == (None, 5)


@pytest.mark.parametrize(
    ("identifier", "options", "message"),
    [
        ("convv", {}, "Did you mean 'conv'"),
        (7, {}, "a network must be one of"),
        ({"name": "mlp", "kernel": 3}, {}, "Received: 'kernel'"),
        ("mlp", {"hidden": [0]}, "`hidden` must be a list of whole numbers of at least 1"),
        (keras.Sequential([keras.Input((9,)), keras.layers.Dense(2)]), {}, r"takes \(9,\)"),
        (keras.layers.LSTM(2), {}, "LSTM, which refuses it"),
    ],
)
def test_what_cannot_be_made_is_refused(identifier: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        networks.encoder(identifier, (4,), **options)


def test_options_of_the_other_half_are_shared_and_ignored() -> None:
    both = {"name": "recurrent", "cell": "gru", "bidirectional": True}
    assert networks.encoder(both, (5, 2), [3]).output_shape == (None, 6)
    assert networks.decoder(both, (4,), (5, 2), [3]).output_shape == (None, 5, 2)


@pytest.mark.parametrize("hidden", [128, "128", [0], [2.5], [True]])
def test_hidden_sizes_are_a_list_of_whole_numbers(hidden: Any) -> None:
    with pytest.raises(ValueError, match="`hidden` must be a list of whole numbers"):
        networks.encoder("mlp", (4,), hidden)


def test_hidden_sizes_may_be_numpys() -> None:
    assert networks.encoder("mlp", (4,), np.array([3, 5])).output_shape == (None, 5)
