from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy.signal import correlate

import keras_ae
from keras_ae.likelihoods import Bernoulli, Gaussian
from keras_ae.objectives import LinearWarmup, Perceptual
from keras_ae.objectives.perceptual import random_network
from keras_ae.parts import deserialize, serialize
from keras_ae.typing import Batch
from tests.gradients import gradient

RNG = np.random.default_rng(0)
X, DECODED = (RNG.normal(size=(5, 6)).astype("float32") for _ in range(2))


def dense(*widths: int, outputs: list[int] | None = None) -> keras.Model:
    """Layers with tanh, of which some or the last are the outputs."""
    x = inputs = keras.Input((6,))
    layers = []
    for i, width in enumerate(widths):
        x = keras.layers.Dense(width, "tanh", bias_initializer="random_normal", name=f"map_{i}")(x)
        layers.append(x)
    return keras.Model(inputs, x if outputs is None else [layers[i] for i in outputs])


def maps(network: keras.Model, x: np.ndarray) -> list[np.ndarray]:
    found, h = [], x.astype("f8")
    weights = network.get_weights()
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        h = np.tanh(h @ kernel.astype("f8") + bias)
        found.append(h)
    return found


def distance(a: list[np.ndarray], b: list[np.ndarray]) -> np.ndarray:
    pairs = zip(a, b, strict=True)
    axes = tuple(range(1, a[0].ndim))
    return sum(((p - q) ** 2).sum(axes) / (2 * p[0].size) for p, q in pairs)


def attached(network: Any, layers: list[str] | None = None, shape: Any = (6,)) -> Perceptual:
    term = Perceptual(network, layers=layers)
    term.attach(SimpleNamespace(event_shape=shape))
    return term


def value(
    term: Perceptual,
    likelihood: Any = None,
    target: np.ndarray = X,
    decoded: np.ndarray = DECODED,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    model = SimpleNamespace(likelihood=likelihood or Gaussian())
    outputs = {"decoded": ops.convert_to_tensor(decoded)}
    batch = Batch(0 * target, target, None, mask)
    return ops.convert_to_numpy(term.value(model, batch, outputs, True))


def make(network: Any = None, input_shape: tuple[int, ...] = (6,), **options: Any) -> Any:
    options = {"latent_dim": 2, "hidden": [4], **options}
    return keras_ae.create(
        "perceptual_vae", input_shape=input_shape, network=network, weight=50.0, **options
    )


def test_it_is_half_the_mean_squared_error_of_each_map() -> None:
    network = dense(5, 3, outputs=[0, 1])
    wanted = distance(maps(network, X), maps(network, DECODED))
    np.testing.assert_allclose(value(attached(network)), wanted, rtol=1e-5)
    probabilities = 1 / (1 + np.exp(-DECODED))
    wanted = distance(maps(network, X), maps(network, probabilities))
    np.testing.assert_allclose(value(attached(network), Bernoulli()), wanted, rtol=1e-5)


def test_layers_are_chosen_by_name() -> None:
    network = dense(5, 4, 3)
    chosen = [maps(network, x)[:2] for x in (X, DECODED)]
    got = value(attached(network, ["map_0", "map_1"]))
    np.testing.assert_allclose(got, distance(*chosen), rtol=1e-5)
    last = [maps(network, x)[-1:] for x in (X, DECODED)]
    np.testing.assert_allclose(value(attached(network)), distance(*last), rtol=1e-5)


@pytest.mark.parametrize("axes", [0, 1])
def test_missing_entries_are_0_in_both(axes: int) -> None:
    network = dense(5)
    mask = (RNG.random((5, 6)[: axes + 1]) > 0.4).astype("float32")
    kept = mask.reshape(mask.shape + (1,) * (1 - axes))
    wanted = distance(maps(network, X * kept), maps(network, DECODED * kept))
    got = value(attached(network), mask=mask)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-7)


def convolved(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """A convolution of `(rows, *space, channels)` whose outputs are ceil(size / stride) a side."""
    space = x.shape[1:-1]
    pads = [(-(-n // stride) - 1) * stride + 3 - n for n in space]
    padded = np.pad(x, [(0, 0), *((max(p, 0) // 2, -(-max(p, 0) // 2)) for p in pads), (0, 0)])
    found = [
        [correlate(row, filter_, mode="valid")[..., 0] for filter_ in np.moveaxis(kernel, -1, 0)]
        for row in padded
    ]
    strided = (slice(None), *(slice(None, None, stride) for _ in space), slice(None))
    return np.moveaxis(np.array(found), 1, -1)[strided]


@pytest.mark.parametrize("shape", [(9, 2), (8, 7, 1), (4, 5, 3, 1)])
def test_the_random_network_is_three_convolutions_of_drawn_weights(shape: Any) -> None:
    network, rng = random_network(shape), np.random.default_rng(0)
    x = RNG.normal(size=(2, *shape)).astype("float32")
    got = network(x)
    wanted, channels = x.astype("f8"), shape[-1]
    for i, filters in enumerate((16, 32, 64)):
        window = (3,) * (len(shape) - 1)
        scale = np.sqrt(2 / (3 ** len(window) * channels))
        kernel = rng.normal(scale=scale, size=(*window, channels, filters))
        wanted = np.maximum(convolved(wanted, kernel, 2 if i else 1), 0)
        np.testing.assert_allclose(ops.convert_to_numpy(got[i]), wanted, rtol=1e-4, atol=1e-5)
        channels = filters


def test_without_a_network_there_is_the_random_one() -> None:
    x, y = (RNG.random((3, 8, 7, 1)).astype("float32") for _ in range(2))
    network = random_network((8, 7, 1))
    wanted = distance(*([ops.convert_to_numpy(m) for m in network(p)] for p in (x, y)))
    got = value(attached(None, shape=(8, 7, 1)), target=x, decoded=y)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_a_training_moves_the_model_and_leaves_the_network() -> None:
    x = inputs = keras.Input((6,))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(5)(x))
    network = keras.Model(inputs, keras.layers.Dropout(0.5)(x))
    before = [w.copy() for w in network.get_weights()]
    model = make(network, beta=0.0)
    assert not {id(w) for w in model.trainable_variables} & {id(w) for w in network.weights}
    model.compile(keras.optimizers.Adam(0.01))
    encoder = [w.copy() for w in model.encoder.get_weights()]
    model.fit(X, epochs=2, batch_size=5, verbose=0)
    for now, then in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    for now, then in zip(model.encoder.get_weights(), encoder, strict=True):
        assert (now != then).any()


def test_the_gradient_passes_through_the_network() -> None:
    network = dense(5, 3, outputs=[0, 1])
    term, model = attached(network), SimpleNamespace(likelihood=Gaussian())
    slope = gradient(
        lambda d: ops.sum(term.value(model, Batch(X, X), {"decoded": d}, True)), DECODED
    )
    for direction in RNG.normal(size=(3, *X.shape)):
        step = 1e-5 * direction
        ends = [distance(maps(network, X), maps(network, DECODED + s)) for s in (step, -step)]
        wanted = (ends[0] - ends[1]).sum() / 2e-5
        assert (slope * direction).sum() == pytest.approx(wanted, rel=1e-3, abs=1e-5)


@keras.saving.register_keras_serializable("tests")
class Squares(keras.Model):
    """Features of a subclass, without inputs that are known before."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.mixed = keras.layers.Dense(4, name="mixed")

    def build(self, input_shape: Any) -> None:
        self.mixed.build(input_shape)

    def call(self, x: Any, training: bool = False) -> dict[str, Any]:
        h = self.mixed(x)
        return {"plain": h, "squares": ops.square(h)}


def sequential() -> keras.Model:
    return keras.Sequential([keras.layers.Dense(4, "tanh", name="a"), keras.layers.Dense(3)])


@pytest.mark.parametrize(
    ("network", "layers"),
    [
        (lambda: dense(5, 3), None),
        (lambda: dense(5, 4, 3), ["map_1"]),
        (sequential, ["a"]),
        (Squares, None),
    ],
    ids=["functional", "layers", "sequential", "subclass"],
)
def test_a_loaded_model_has_the_same_features(network: Any, layers: Any, tmp_path: Path) -> None:
    model = make(network(), layers=layers)
    scores = model.score(X)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    assert not loaded.objective[0].trainable_weights
    np.testing.assert_allclose(loaded.score(X), scores, rtol=1e-6)
    again = deserialize(serialize(model.objective[0]))
    assert again.get_config() == model.objective[0].get_config()


def test_a_network_may_come_from_a_file_that_is_gone_later(tmp_path: Path) -> None:
    network, file = dense(5, 3), tmp_path / "features.keras"
    network.save(file)
    model = make(str(file), layers=["map_0"])
    kernel = model.objective[0].features.get_weights()[0]
    np.testing.assert_array_equal(kernel, network.get_weights()[0])
    scores = model.score(X)
    model.save(tmp_path / "model.keras")
    file.unlink()
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_allclose(loaded.score(X), scores, rtol=1e-6)


def test_a_file_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    layers = [keras.Input((6,)), keras.layers.Lambda(lambda x: 2 * x)]
    keras.Sequential(layers).save(tmp_path / "code.keras")
    with pytest.raises(ValueError, match=r"loads in its safe mode.*code\.keras"):
        Perceptual(tmp_path / "code.keras")


def test_a_score_has_the_features_with_their_weight() -> None:
    network = dense(5)
    for weight, factor in ((20.0, 20.0), (LinearWarmup(10, start=3.0), 3.0)):
        model = keras_ae.create(
            "perceptual_vae", input_shape=(6,), network=network, weight=weight, latent_dim=2
        )
        outputs = model(X)
        kl = ops.convert_to_numpy(model.objective[1].value(model, model.batch(X), outputs, False))
        wanted = factor * distance(maps(network, X), maps(network, model.reconstruct(X))) + kl
        np.testing.assert_allclose(model.score(X), wanted, rtol=1e-5)


def test_pixels_are_compared_too_where_they_have_a_weight() -> None:
    network = dense(5)
    assert [term.name for term in make(network).objective] == ["perceptual", "kl"]
    model = make(network, reconstruction=0.5)
    assert [term.name for term in model.objective] == ["reconstruction", "perceptual", "kl"]
    assert model.objective[0].weight == 0.5


def test_the_random_network_computes_in_full_precision() -> None:
    x = RNG.random((2, 8, 8, 1)).astype("float32")
    wanted = random_network((8, 8, 1))(x)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        got = attached(None, shape=(8, 8, 1)).features(x)
    finally:
        keras.config.set_dtype_policy("float32")
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (a, b)))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"network": 3}, TypeError, "`network` must be a Keras model, the path.*Received.*3"),
        ({"network": "not_there.keras"}, ValueError, "`.keras` file that is there"),
        ({"network": "weights.h5"}, ValueError, "`.keras` file that is there"),
        ({"network": None}, ValueError, "1 to 3 spatial axes.*or pass a `network`"),
        ({"network": dense, "layers": ["map_7"]}, ValueError, "Did you mean 'map_0'"),
        ({"network": dense, "layers": []}, ValueError, "`layers` must be a list of names"),
        ({"network": dense, "layers": "map_0"}, ValueError, "`layers` must be a list of names"),
        ({"network": Squares, "layers": ["mixed"]}, ValueError, "leave `layers` out"),
        ({"network": dense, "input_shape": (7,)}, ValueError, r"must take the shape \(7,\)"),
    ],
)
def test_what_makes_no_features_is_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    kind = options["network"]
    network = dense(5) if kind is dense else Squares() if kind is Squares else kind
    with pytest.raises(error, match=message):
        make(**{**options, "network": network})


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.keras").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"`network` must be.*broken\.keras"):
        Perceptual(str(tmp_path / "broken.keras"))
