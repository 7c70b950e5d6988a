"""Layers divided by their largest singular value, beside NumPy's decomposition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae import networks
from keras_ae.networks.spectral import SpectralNormalization
from tests.gradients import weight_gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4)).astype("float32")

LAYERS: list[tuple[Any, tuple[int, ...]]] = [
    (lambda: keras.layers.Dense(3), (4,)),
    (lambda: keras.layers.Dense(6, activation="tanh"), (4,)),
    (lambda: keras.layers.Conv2D(3, 3, padding="same"), (5, 5, 2)),
    (lambda: keras.layers.Conv2DTranspose(3, 3, strides=2, padding="same"), (3, 3, 2)),
    (lambda: keras.layers.Conv1D(2, 3), (6, 4)),
]
layers = pytest.mark.parametrize(("make", "shape"), LAYERS)


def normalized(make: Any, shape: tuple[int, ...], steps: int = 0) -> SpectralNormalization:
    """Return the layer after so many steps, of a kernel with singular values that are apart."""
    layer = SpectralNormalization(make())
    layer.build((None, *shape))
    kernel, bias = layer.trainable_weights
    size = kernel.shape[-1]
    left = np.linalg.qr(RNG.normal(size=(int(np.prod(kernel.shape[:-1])), size)))[0]
    values = 3.0 * 0.6 ** np.arange(left.shape[1])
    right = np.linalg.qr(RNG.normal(size=(size, size)))[0][: left.shape[1]]
    kernel.assign(((left * values) @ right).reshape(kernel.shape))
    bias.assign(RNG.normal(size=size if bias.shape[0] == size else bias.shape))
    for _ in range(steps):
        layer(np.zeros((1, *shape), "float32"), training=True)
    return layer


def matrix(layer: SpectralNormalization) -> np.ndarray:
    kernel = np.array(layer.trainable_weights[0], "f8")
    return kernel.reshape(-1, kernel.shape[-1])


def vector(layer: SpectralNormalization) -> np.ndarray:
    (v,) = layer.non_trainable_weights
    return np.array(v, "f8")


@layers
def test_sigma_comes_to_the_largest_singular_value(make: Any, shape: tuple[int, ...]) -> None:
    layer = normalized(make, shape, 30)
    wanted = np.linalg.svd(matrix(layer))[1][0]
    assert float(ops.convert_to_numpy(layer.sigma())) == pytest.approx(wanted, rel=1e-4)
    assert wanted == pytest.approx(3.0, rel=1e-5)


@layers
def test_the_output_is_that_of_the_divided_kernel(make: Any, shape: tuple[int, ...]) -> None:
    layer, plain = normalized(make, shape, 30), make()
    plain.build((None, *shape))
    kernel, bias = (np.array(w) for w in layer.trainable_weights)
    plain.set_weights([kernel / 3.0, bias])
    x = RNG.normal(size=(2, *shape)).astype("float32")
    wanted = ops.convert_to_numpy(plain(x))
    for training in (False, True):
        got = ops.convert_to_numpy(layer(x, training=training))
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4)
    assert tuple(layer.compute_output_shape((2, *shape))) == wanted.shape


def test_each_step_of_training_is_one_of_power_iteration() -> None:
    """Miyato et al. (2018), algorithm 1: sigma = u^T W v; v starts as it was made."""
    layer = normalized(*LAYERS[0])
    w, v = matrix(layer), vector(layer)
    kernel, bias = (np.array(x) for x in layer.trainable_weights)
    estimates = []
    for training in (True, True, True, False):
        u = w @ v / np.linalg.norm(w @ v)
        v = w.T @ u / np.linalg.norm(w.T @ u)
        estimates.append(u @ w @ v)
        got = ops.convert_to_numpy(layer(X, training=training))
        np.testing.assert_allclose(got, X @ kernel / estimates[-1] + bias, rtol=1e-3, atol=1e-5)
        if training:
            np.testing.assert_allclose(vector(layer), v, rtol=1e-3, atol=1e-5)
    assert estimates[0] < estimates[1] < estimates[3] < 3.0


def test_outside_of_training_the_vector_stays() -> None:
    layer = normalized(*LAYERS[0], steps=1)
    before = vector(layer)
    for _ in range(2):
        layer(X)
        layer(X, training=False)
        layer.sigma()
    np.testing.assert_array_equal(vector(layer), before)
    layer(X, training=True)
    assert abs(vector(layer) - before).max() > 1e-4


@pytest.mark.parametrize("training", [False, True])
def test_the_gradient_goes_through_sigma_too(training: bool) -> None:
    """Beside finite differences of W / |W v|, in which u = W v / |W v| counts as constant."""
    layer = normalized(*LAYERS[0], steps=40)
    kernel, bias = layer.trainable_weights
    way, v = 0.3 * X @ np.array(kernel), vector(layer)
    weights = ops.convert_to_tensor(way.astype("float32"))

    def value() -> Any:
        return ops.sum(layer(X, training=training) * weights)

    w = np.array(kernel, "f8")
    found, of_bias = weight_gradients(value, [kernel, bias])
    wanted = np.zeros_like(w)
    for at in np.ndindex(*w.shape):
        ends = []
        for sign in (1, -1):
            moved = w.copy()
            moved[at] += sign * 1e-5
            ends.append((way * (X @ moved / np.linalg.norm(moved @ v))).sum())
        wanted[at] = (ends[0] - ends[1]) / 2e-5
    np.testing.assert_allclose(found, wanted, rtol=1e-2, atol=1e-3)
    np.testing.assert_allclose(of_bias, way.sum(0), rtol=1e-4)
    assert abs((found * w).sum()) < 1e-3  # a longer kernel gives the same
    constant = X.T @ way / 3.0
    assert abs(wanted - constant).max() > 0.05


NAMED: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({"name": "mlp"}, (3, 4)),
    ({"name": "conv", "normalization": "batch"}, (4, 4, 1)),
    ({"name": "resnet"}, (4, 4, 1)),
]


@pytest.mark.parametrize(("named", "shape"), NAMED)
def test_every_layer_of_a_named_decoder_is_divided(
    named: dict[str, Any], shape: tuple[int, ...]
) -> None:
    hidden = [7, 5] if named["name"] == "mlp" else [2]
    network = networks.decoder({**named, "spectral": True}, (2,), shape, hidden)
    plain = networks.decoder(named, (2,), shape, hidden)
    every = [x for x in network._flatten_layers() if isinstance(x, SpectralNormalization)]
    kernels = [w for w in plain.trainable_weights if w.path.endswith("kernel")]
    assert len(every) == len(kernels) >= 2
    assert network.output_shape == plain.output_shape
    for weight in network.trainable_weights:
        weight.assign(weight + 0.1 * RNG.normal(size=weight.shape))
    for _ in range(2):
        network(np.zeros((2, 2), "float32"), training=True)
    sigmas = {
        id(layer.trainable_weights[0]): float(ops.convert_to_numpy(layer.sigma()))
        for layer in every
    }
    for own, other in zip(network.trainable_weights, plain.trainable_weights, strict=True):
        assert own.shape == other.shape
        other.assign(np.array(own) / sigmas.pop(id(own), 1.0))
    assert not sigmas
    statistics = [
        np.array(w) for w in network.non_trainable_weights if w.path.split("/")[-1][:6] == "moving"
    ]
    for other, mine in zip(plain.non_trainable_weights, statistics, strict=True):
        other.assign(mine)
    z = RNG.normal(size=(4, 2)).astype("float32")
    wanted = ops.convert_to_numpy(plain(z))
    np.testing.assert_allclose(ops.convert_to_numpy(network(z)), wanted, rtol=1e-3, atol=1e-4)
    assert np.ptp(wanted) > 1e-2


def test_a_network_of_them_is_1_lipschitz() -> None:
    network = networks.encoder({"name": "mlp", "spectral": True}, (4,), [6, 5])
    for weight in network.trainable_weights:
        weight.assign((3 if len(weight.shape) == 2 else 0.1) * RNG.normal(size=weight.shape))
    for _ in range(100):
        network(X, training=True)
    a, b = RNG.normal(size=(2, 300, 4)).astype("float32")
    codes = [ops.convert_to_numpy(network(x)) for x in (a, b)]
    ratio = np.linalg.norm(codes[0] - codes[1], axis=1) / np.linalg.norm(a - b, axis=1)
    assert 0.05 < ratio.max() < 1.001


def test_a_saved_model_is_the_same(tmp_path: Path) -> None:
    options: dict[str, Any] = {"input_shape": (8, 8, 1), "encoder": "conv", "latent_dim": 2}
    model = keras_ae.create("rae_sn", hidden=[4], **options)
    model.compile("sgd")
    x = RNG.random((6, 8, 8, 1)).astype("float32")
    model.fit(x, batch_size=3, verbose=0)
    every = [x for x in model.decoder._flatten_layers() if isinstance(x, SpectralNormalization)]
    assert every
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for mine, theirs in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(np.array(mine), np.array(theirs))
    np.testing.assert_array_equal(loaded.reconstruct(x), model.reconstruct(x))
    assert not any(isinstance(x, SpectralNormalization) for x in model.encoder._flatten_layers())


@pytest.mark.parametrize("wrong", ["yes", 2, None, 0.5])
def test_spectral_is_true_or_false(wrong: Any) -> None:
    with pytest.raises(ValueError, match="`spectral` must"):
        networks.decoder({"name": "mlp", "spectral": wrong}, (2,), (4,), [3])


def test_spectral_false_changes_nothing() -> None:
    network = networks.decoder({"name": "mlp", "spectral": False}, (2,), (4,), [3])
    assert [w.shape for w in network.weights] == [(2, 3), (3,), (3, 4), (4,)]


def test_a_recurrent_decoder_is_refused() -> None:
    with pytest.raises(ValueError, match="dense or convolutional layers"):
        keras_ae.create("rae_sn", input_shape=(5, 2), encoder="recurrent")
