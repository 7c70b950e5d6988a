from __future__ import annotations

import json
from typing import Any

import keras
import pytest

from keras_ae import likelihoods
from keras_ae.corruptions import SaltAndPepper
from keras_ae.objectives import KLDivergence
from keras_ae.parts import deserialize, serialize


def test_a_part_comes_back_from_plain_data_with_its_arguments() -> None:
    part = SaltAndPepper(0.3, high=2.0)
    copy = deserialize(serialize(part))
    assert isinstance(copy, SaltAndPepper)
    assert copy.get_config() == {"rate": 0.3, "low": 0.0, "high": 2.0}


def test_nested_keras_objects_survive() -> None:
    warm_up = keras.optimizers.schedules.PolynomialDecay(0.0, 10, 1.0)
    copy = deserialize(serialize({"terms": [KLDivergence(warm_up)], "sizes": (1, 2)}))
    assert copy["sizes"] == [1, 2]
    assert copy["terms"][0].weight.get_config() == warm_up.get_config()


def test_a_network_is_what_a_file_gives_back() -> None:
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    data = serialize(network)
    assert json.loads(json.dumps(data)) == data
    assert serialize(deserialize(data)) == data


@pytest.mark.parametrize("identifier", ["categorical", {"name": "categorical"}])
def test_a_part_asked_for_without_its_options_names_them(identifier: Any) -> None:
    wanted = r"'categorical' must have the options \['categories'\]. Received: {}. Pass"
    with pytest.raises(ValueError, match=wanted):
        likelihoods.get(identifier)
