from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.compression import Codec, StreamError
from keras_ae.compression.container import Contents, packed

pytestmark = pytest.mark.filterwarnings("ignore:an example of shape:UserWarning")
"""Models of tests are trained on small examples."""

RNG = np.random.default_rng(0)
X = (RNG.random((40, 1, 1, 1)) * RNG.random((40, 8, 12, 3)) ** 0.3).astype("float32")
BACKENDS = ("jax", "tensorflow", "torch")
KINDS: list[dict[str, Any]] = [
    {"entropy_model": "factorized"},
    {"entropy_model": "scale", "distribution": "logistic"},
    {"entropy_model": "mean_scale"},
]


SMALL: dict[str, Any] = {"latent_dim": 4, "hidden": [6, 6], "hyper_dim": 3, "hyper_hidden": [5]}


@functools.cache
def made(kind: str) -> Any:
    """A model whose codes are numbers of some size, without a training."""
    options = next(options for options in KINDS if options["entropy_model"] == kind)
    model = keras_ae.create("hyperprior_autoencoder", input_shape=(8, 12, 3), **SMALL, **options)
    heads = [(model.bottleneck.to_code, 3.0), (getattr(model.bottleneck, "to_side", None), 5.0)]
    for head, factor in heads:
        if head is not None:
            head.kernel.assign(factor * ops.convert_to_numpy(head.kernel))
    return model


def trained(**options: Any) -> Any:
    model = keras_ae.create(
        "hyperprior_autoencoder", input_shape=(8, 12, 3), trade_off=0.1, **SMALL, **options
    )
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(X, epochs=20, batch_size=8, verbose=0)
    return model


@pytest.mark.parametrize("kind", [options["entropy_model"] for options in KINDS])
def test_what_is_decompressed_is_what_the_model_reconstructs(kind: str) -> None:
    model = made(kind)
    codec = Codec(model)
    stream = codec.compress(X)
    codes = codec.codes(stream)
    assert len(np.unique(np.round(codes))) > 5
    # Locations of the stream lie on a grid of 2^-10: halves may be rounded the other way.
    away = np.abs(codes - model.encode(X))
    is_half = np.abs(away - 1.0) < 5e-3
    assert is_half.mean() < 0.01
    np.testing.assert_allclose(np.where(is_half, 0.0, away), 0.0, atol=5e-3)
    got = codec.decompress(stream)
    assert got.shape == X.shape
    wanted = model.decode(codes)
    np.testing.assert_allclose(got, wanted, atol=5e-3 * float(np.abs(wanted).max()))
    np.testing.assert_array_equal(codec.codes(codec.compress(X[3]))[0], codes[3])


@pytest.mark.slow
@pytest.mark.parametrize("options", KINDS, ids=lambda o: o["entropy_model"])
def test_bytes_are_what_a_trained_model_says_they_cost(options: dict[str, Any]) -> None:
    model = trained(**options)
    stream = Codec(model).compress(X)
    nats = float(np.sum(ops.convert_to_numpy(model(X)["nats"])))
    assert 8 * len(stream) == pytest.approx(nats / np.log(2), rel=0.02, abs=8 * 64)


def test_other_sizes_and_wrong_shapes() -> None:
    codec = Codec(made("mean_scale"))
    large = RNG.random((20, 37, 3)).astype("float32")
    assert codec.decompress(codec.compress(large)).shape == large.shape
    for bad, message in (
        (large[..., :2], "of another size only"),
        (large[0], "must have the axes of one example"),
        (large[:0], "must have the axes of one example"),
        (np.full((8, 12, 3), np.nan), "finite"),
    ):
        with pytest.raises(ValueError, match=message):
            codec.compress(bad)


def test_other_sizes_are_continued_at_their_ends_to_fall_on_maps_as_the_models_own() -> None:
    codec = Codec(made("mean_scale"))  # of 8 x 12, halved to 4 x 6 and 2 x 3
    odd = RNG.random((2, 9, 13, 3)).astype("float32")
    whole = np.pad(odd, [(0, 0), (0, 3), (0, 3), (0, 0)], mode="edge")
    stream = codec.compress(odd)
    np.testing.assert_array_equal(codec.codes(stream), codec.codes(codec.compress(whole)))
    again = codec.decompress(stream)
    assert again.shape == odd.shape
    expected = codec.decompress(codec.compress(whole))[:, :9, :13]
    np.testing.assert_array_equal(again, expected)


def test_streams_of_other_models_are_refused() -> None:
    options: dict[str, Any] = {"latent_dim": 2, "hidden": [4], "entropy_model": "factorized"}
    model, other = (
        keras_ae.create("hyperprior_autoencoder", input_shape=(6,), **options) for _ in range(2)
    )
    codec, x = Codec(model), np.ones((3, 6), "float32")
    stream = codec.compress(x)
    with pytest.raises(StreamError, match="read with the model that wrote it. Received: one of"):
        Codec(other).decompress(stream)
    with pytest.raises(StreamError, match="cut off"):
        codec.decompress(stream[:-3])
    forged = [
        Contents(codec.maker, shape, sections)
        for shape, sections in (
            ((3, 6), ()),
            ((3, 6), (b"", b"")),
            ((3, 6), (b"12345",)),
            ((3, 7), (b"1234",)),
            ((), (b"1234",)),
            ((2**31, 6), (b"1234",)),
        )
    ]
    for contents in forged:
        with pytest.raises(StreamError, match="impossible contents"):
            codec.decompress(packed(contents))


@pytest.mark.parametrize("kind", [options["entropy_model"] for options in KINDS])
def test_codes_that_no_byte_could_hold_are_refused(kind: str) -> None:
    options: dict[str, Any] = {"latent_dim": 2, "hidden": [4], "entropy_model": kind}
    model = keras_ae.create("hyperprior_autoencoder", input_shape=(6,), **options)
    with pytest.raises(ValueError, match="must lie within"):
        Codec(model).compress(1e15 * RNG.normal(size=(40, 6)))


def test_models_without_entropy_models_are_refused() -> None:
    with pytest.raises(TypeError, match="Received: VAE with Gaussian"):
        Codec(keras_ae.create("vae", input_shape=(6,)))


READER = """
import sys, json, keras, numpy as np, keras_ae
from keras_ae.compression import Codec
folder = sys.argv[1]
codec = Codec(keras.models.load_model(folder + "/model.keras"))
stream = open(folder + "/stream", "rb").read()
np.save(folder + "/codes.npy", codec.codes(stream))
x = np.load(folder + "/x.npy")
open(folder + "/back", "wb").write(codec.compress(x))
"""


@pytest.mark.slow
@pytest.mark.parametrize("options", KINDS, ids=lambda o: o["entropy_model"])
def test_other_backends_read_the_same_codes_to_the_bit(
    options: dict[str, Any], tmp_path: Path
) -> None:
    model = trained(**options)
    if options["entropy_model"] != "factorized":  # every index on the boundary of two tables
        last = model.bottleneck.synthesis.layers[-1]
        last.kernel.assign(ops.zeros(last.kernel.shape))
        half = np.where(np.arange(last.bias.shape[0]) < 4, 2.5, 0.5)
        last.bias.assign(half)
    codec = Codec(model)
    stream = codec.compress(X)
    model.save(tmp_path / "model.keras")
    (tmp_path / "stream").write_bytes(stream)
    np.save(tmp_path / "x.npy", X)
    for backend in BACKENDS:
        if backend == keras.backend.backend():
            continue
        environment = {**os.environ, "KERAS_BACKEND": backend}
        subprocess.run(
            [sys.executable, "-c", READER, str(tmp_path)], check=True, env=environment, timeout=300
        )
        np.testing.assert_array_equal(np.load(tmp_path / "codes.npy"), codec.codes(stream))
        # What the other wrote is read here.
        back = codec.codes((tmp_path / "back").read_bytes())
        assert back.shape == (40, *model.latent_shape)
