"""Vector quantization beside NumPy, its papers' equations and known optima."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats
from scipy.special import entr

from keras_ae.bottlenecks import VectorQuantizer
from tests.bottlenecks.quantizers import oracles
from tests.bottlenecks.quantizers.cases import called, features, state
from tests.gradients import gradient, weight_gradients

H = np.random.default_rng(0).normal(size=(3, 4, 4, 2)).astype("float32")
RNG = np.random.default_rng(5)
LLOYD_MAX = {2: 0.3634, 4: 0.1175, 8: 0.03454, 16: 0.009497}


def quantizer(codes: np.ndarray, h: np.ndarray, **options: Any) -> Any:
    """Return one with such codes, each with a count of one, built for features."""
    made = VectorQuantizer(len(codes), h.shape[-1], **options)
    made.build((None, *h.shape[1:]))
    made.table.put(codes.astype("float32"), np.ones(len(codes), "float32"))
    return made


def codebook(layer: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(layer.codebook)).astype("f8")


def loss_gradient(layer: Any, h: np.ndarray) -> np.ndarray:
    return gradient(lambda x: ops.sum(layer(x)["loss"]), h)


def test_the_forward_value_is_the_code_to_the_last_bit() -> None:
    layer = VectorQuantizer(8, 2)
    outputs = called(layer, H)
    codes = ops.convert_to_numpy(layer.codebook)
    np.testing.assert_array_equal(outputs["latent"], codes[outputs["indices"]])
    np.testing.assert_array_equal(outputs["latent"], outputs["quantized"])
    np.testing.assert_array_equal(outputs["pre_quantized"], H)
    np.testing.assert_array_equal(outputs["indices"], oracles.nearest(H, codes))


def test_the_gradient_passes_straight_through() -> None:
    layer = VectorQuantizer(8, 2)
    layer(H)
    weights = np.random.default_rng(1).normal(size=H.shape).astype("float32")
    got = gradient(lambda h: ops.sum(ops.multiply(layer(h)["latent"], weights)), H)
    np.testing.assert_allclose(got, weights, rtol=1e-6)


def test_evaluation_leaves_the_codebook_alone_and_training_moves_it() -> None:
    layer = VectorQuantizer(8, 2)
    layer(H)
    before = state(layer)
    layer(H, training=False)
    for a, b in zip(state(layer), before, strict=True):
        np.testing.assert_array_equal(a, b)
    layer(H, training=True)
    assert not np.array_equal(ops.convert_to_numpy(layer.table.sums), before[1])


def test_a_flat_vector_becomes_tokens() -> None:
    outputs = VectorQuantizer(8, 3, tokens=5)(np.ones((2, 7), "float32"))
    assert outputs["latent"].shape == (2, 5, 3)
    assert outputs["indices"].shape == (2, 5)


def test_training_returns_codes_from_before_the_codebook_moves() -> None:
    """The averages of van den Oord et al. (2017), equations 6 to 8, one step."""
    codes = RNG.normal(size=(5, 2))
    layer = quantizer(codes, H, decay=0.9, dead_code_threshold=0.0)
    outputs = called(layer, H, training=True)
    np.testing.assert_allclose(outputs["quantized"], codes[outputs["indices"]], rtol=1e-6)
    one_hot = np.eye(5)[outputs["indices"].ravel()]
    counts = 0.9 + 0.1 * one_hot.sum(0)
    sums = 0.9 * codes + 0.1 * one_hot.T @ H.reshape(-1, 2)
    np.testing.assert_allclose(codebook(layer), sums / counts[:, None], rtol=1e-5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer.decode_indices(ops.convert_to_tensor(outputs["indices"]))),
        codebook(layer)[outputs["indices"]],
        rtol=1e-6,
    )


@pytest.mark.parametrize("beta", [0.25, 1.0, 0.0])
def test_averaged_codes_cost_the_commitment_alone(beta: float) -> None:
    layer = quantizer(RNG.normal(size=(8, 2)), H, commitment=beta)
    outputs = called(layer, H)
    apart = H - outputs["quantized"].astype("f8")
    np.testing.assert_allclose(outputs["loss"], beta * (apart**2).sum((1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(loss_gradient(layer, H), 2 * beta * apart, rtol=1e-4, atol=1e-6)
    assert layer.trainable_variables == []


@pytest.mark.parametrize("beta", [0.25, 1.0])
def test_learned_codes_are_pulled_with_weight_one_and_vectors_with_beta(beta: float) -> None:
    """Equation 3 of van den Oord et al. (2017): |sg(z) - e|^2 + beta |z - sg(e)|^2."""
    codes = np.concatenate([RNG.normal(size=(6, 2)), [[90.0, 90.0]]])
    layer = quantizer(codes, H, commitment=beta, update="loss")
    outputs = called(layer, H)
    apart = H - outputs["quantized"].astype("f8")
    np.testing.assert_allclose(outputs["loss"], (1 + beta) * (apart**2).sum((1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(loss_gradient(layer, H), 2 * beta * apart, rtol=1e-4, atol=1e-6)
    one_hot = np.eye(7)[outputs["indices"].ravel()]
    (pull,) = weight_gradients(lambda: ops.sum(layer(H)["loss"]), layer.trainable_variables)
    expected = -2 * one_hot.T @ apart.reshape(-1, 2)
    np.testing.assert_allclose(pull, expected, rtol=1e-4, atol=1e-5)
    assert not pull[6].any()


def test_learned_codes_are_not_pulled_by_what_is_made_of_them() -> None:
    layer = quantizer(RNG.normal(size=(6, 2)), H, update="loss")

    def cost() -> Any:
        outputs = layer(H)
        return ops.sum(outputs["latent"]) + 0 * ops.sum(outputs["loss"])

    (pull,) = weight_gradients(cost, layer.trainable_variables)
    assert not pull.any()


def test_the_cosine_compares_vectors_and_codes_of_length_one() -> None:
    """Yu et al. (2022), section 3.2."""
    codes, h = RNG.normal(size=(8, 6)), features(3, 10, 6)
    layer = quantizer(codes, h, distance="cosine")
    outputs = called(layer, h)
    u, e = oracles.unit(h), oracles.unit(codes)
    indices = (u @ e.T).argmax(-1)
    np.testing.assert_array_equal(outputs["indices"], indices)
    np.testing.assert_allclose(outputs["pre_quantized"], u, atol=1e-6)
    np.testing.assert_allclose(outputs["quantized"], e[indices], atol=1e-6)
    loss = 0.25 * (2 - 2 * (u * e[indices]).sum(-1)).sum(1)
    np.testing.assert_allclose(outputs["loss"], loss, rtol=1e-4)
    weights = features(*h.shape, seed=9)
    got = gradient(lambda x: ops.sum(ops.multiply(layer(x)["latent"], weights)), h)
    tangent = weights - u * (u * weights).sum(-1, keepdims=True)
    length = np.linalg.norm(h, axis=-1, keepdims=True)
    np.testing.assert_allclose(got, tangent / length, rtol=1e-3, atol=1e-5)


def test_codes_of_the_cosine_stay_of_length_one_and_follow_unit_vectors() -> None:
    codes, h = oracles.unit(RNG.normal(size=(4, 6))), features(3, 10, 6)
    layer = quantizer(codes, h, distance="cosine", decay=0.9, dead_code_threshold=0.0)
    indices = called(layer, h, training=True)["indices"].ravel()
    sums = 0.9 * codes + 0.1 * np.eye(4)[indices].T @ oracles.unit(h).reshape(-1, 6)
    np.testing.assert_allclose(codebook(layer), oracles.unit(sums), rtol=1e-4, atol=1e-5)


def test_the_cosine_of_a_vector_of_no_length_is_finite() -> None:
    h = features(2, 3, 4)
    h[0, 1] = 0
    layer = quantizer(RNG.normal(size=(8, 4)), h, distance="cosine")
    assert all(np.isfinite(v).all() for v in called(layer, h).values())
    assert np.isfinite(loss_gradient(layer, h)).all()


def test_heads_are_parts_of_a_vector_that_share_a_codebook() -> None:
    codes, h = RNG.normal(size=(8, 2)), features(3, 5, 6)
    layer = quantizer(codes, h, heads=3, dead_code_threshold=0.0)
    outputs = called(layer, h)
    parts = h.reshape(3, 5, 3, 2)
    indices = oracles.nearest(parts, codes)
    np.testing.assert_array_equal(outputs["indices"], indices)
    np.testing.assert_allclose(outputs["quantized"], codes[indices].reshape(h.shape), rtol=1e-6)
    called(layer, h, training=True)
    uses = np.bincount(indices.ravel(), minlength=8)
    counts = ops.convert_to_numpy(layer.table.counts)
    np.testing.assert_allclose(counts, 0.99 + 0.01 * uses, rtol=1e-5)


def mixture(clusters: int) -> Any:
    """Return what draws batches from normals around centres from N(0, 4 I) in R^8."""
    centres = 2 * RNG.normal(size=(clusters, 8))

    def draw(rows: int) -> np.ndarray:
        noise = 0.05 * RNG.normal(size=(rows, 8))
        return (centres[RNG.integers(clusters, size=rows)] + noise).astype("f4")[:, None]

    return draw


def test_every_cluster_of_a_mixture_gets_a_code_and_keeps_it() -> None:
    """Of 64 codes a leading library's defaults use 36, with an error of 0.58."""
    draw, layer = mixture(64), VectorQuantizer(64, 8)
    layer.build((None, 1, 8))
    layer.adapt(draw(1024))
    for _ in range(200):
        layer(draw(1024), training=True)
    x = draw(8192)
    outputs = called(layer, x)
    shares = np.bincount(outputs["indices"].ravel(), minlength=64) / len(x)
    assert (shares > 0).all()
    assert np.exp(entr(shares).sum()) >= 63
    assert ((x - outputs["quantized"]) ** 2).mean() <= 0.003


def distortion(codes: np.ndarray) -> float:
    """Return E (x - code)^2 of x from N(0, 1), by the moments of a normal between boundaries."""
    codes = np.sort(codes)
    edges = np.array([-40.0, *(codes[1:] + codes[:-1]) / 2, 40.0])
    mass, density = np.diff(stats.norm.cdf(edges)), stats.norm.pdf(edges)
    first, second = -np.diff(density), mass - np.diff(edges * density)
    return float((second - 2 * codes * first + codes**2 * mass).sum())


@pytest.mark.parametrize("number", LLOYD_MAX)
def test_codes_of_a_normal_number_are_those_of_lloyd_and_max(number: int) -> None:
    """Max (1960), table I; leading libraries are 20 % above at 16."""
    layer = VectorQuantizer(number, 1)
    layer.build((None, 4, 1))
    layer.adapt(RNG.normal(size=(8192, 1)).astype("f4"))
    for _ in range(20):
        layer(RNG.normal(size=(1024, 4, 1)).astype("f4"), training=True)
    got = distortion(codebook(layer)[:, 0])
    assert got == pytest.approx(LLOYD_MAX[number], rel=0.02)
    assert got > 0.9995 * LLOYD_MAX[number]


@pytest.mark.parametrize("update", ["moving_average", "loss"])
def test_all_codes_come_into_use_though_they_start_far_from_the_data(update: Any) -> None:
    inputs = keras.Input((8, 2))
    layer = VectorQuantizer(32, 2, update=update, decay=0.9)
    outputs = layer(keras.layers.Dense(2, kernel_initializer="identity")(inputs))
    model = keras.Model(inputs, [outputs["latent"], outputs["loss"]])
    model.compile(keras.optimizers.Adam(1e-3), ["mse", lambda _, loss: loss])
    layer.table.put(np.full((32, 2), 50.0, "f4"), np.ones(32, "f4"))
    x = RNG.normal(size=(256, 8, 2)).astype("f4")
    model.fit(x, [x, np.zeros(256)], batch_size=32, epochs=12, verbose=0)
    used = np.unique(called(layer, x)["indices"])
    assert len(used) == 32
    assert abs(codebook(layer)).max() < 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_codes": 1}, "`num_codes` must be at least 2"),
        ({"decay": 1.0}, r"`decay` must be in \[0, 1\)"),
        ({"dead_code_threshold": 2.0}, "`dead_code_threshold` must be a share"),
        ({"heads": 3}, "multiple of `heads`"),
        ({"commitment": -1.0}, "`commitment` must"),
        ({"distance": "l1"}, "distance"),
        ({"update": "none"}, "update"),
        ({"estimator": "none"}, "estimator"),
    ],
)
def test_impossible_arguments_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VectorQuantizer(**{"num_codes": 8, "code_dim": 2, **options})
