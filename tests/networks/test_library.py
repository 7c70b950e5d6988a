"""Totals that are split among entries, beside NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import log_softmax

from keras_ae.networks import mlp
from keras_ae.networks.library import Library, with_library

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("disperses", "blocks"), [(True, 1), (True, 2), (False, 1)])
def test_the_total_is_split_by_a_softmax(disperses: bool, blocks: int) -> None:
    layer = Library(4, disperses)
    total, output = RNG.normal(size=(3, 1)), RNG.normal(size=(3, 4 * blocks))
    layer.build([(None, 1), (None, 4 * blocks)])
    layer.mean.assign(2.0)
    layer.deviation.assign(0.5)
    sizes = RNG.normal(size=4)
    if disperses:
        layer.log_size.assign(sizes)
    given = [ops.convert_to_tensor(a.astype("f4")) for a in (total, output)]
    got = ops.convert_to_numpy(layer(given))
    parts = [2 + 0.5 * total + log_softmax(output[:, :4], axis=1)]
    parts += [np.tile(sizes, (3, 1))] if disperses else []
    wanted = np.concatenate([*parts, output[:, 4:]], axis=1)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.exp(got[:, :4]).sum(1), np.exp(2 + 0.5 * total[:, 0]), rtol=1e-5)


def test_mean_and_deviation_are_those_of_the_logarithms_of_totals() -> None:
    layer = Library(4, True)
    layer.build([(None, 1), (None, 4)])
    totals = np.array([0, 1, 10, 500, 20_000], "f4")
    layer.adapt(totals)
    logs = np.log([1, 1, 10, 500, 20_000])
    np.testing.assert_allclose(ops.convert_to_numpy(layer.mean), logs.mean(), rtol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(layer.deviation), logs.std(), rtol=1e-6)


def test_totals_that_are_all_alike_leave_the_layer_finite() -> None:
    layer = Library(4, True)
    layer.build([(None, 1), (None, 4)])
    layer.adapt(np.full(5, 7.0))
    np.testing.assert_allclose(ops.convert_to_numpy(layer.deviation), 1e-3)


def test_only_the_rest_of_the_code_reaches_the_network() -> None:
    network = mlp.decoder((2,), (4,), hidden=(3,))
    decoder = with_library(network, 4, disperses=False)
    assert decoder.input_shape == (None, 3)
    code = RNG.normal(size=(1, 3)).astype("f4").repeat(2, 0)
    code[1, 0] += 1.0
    here, there = ops.convert_to_numpy(decoder(ops.convert_to_tensor(code)))
    np.testing.assert_allclose(there - here, 1.0, rtol=1e-5)


def test_a_decoder_is_loaded_as_it_was(tmp_path: object) -> None:
    decoder = with_library(mlp.decoder((2,), (4,), hidden=(3,)), 4, disperses=True)
    decoder.get_layer("library").adapt(np.array([3.0, 80.0]))
    decoder.save(f"{tmp_path}/decoder.keras")
    loaded = keras.saving.load_model(f"{tmp_path}/decoder.keras")
    code = ops.convert_to_tensor(RNG.normal(size=(5, 3)).astype("f4"))
    np.testing.assert_allclose(
        ops.convert_to_numpy(loaded(code)), ops.convert_to_numpy(decoder(code)), rtol=1e-6
    )
