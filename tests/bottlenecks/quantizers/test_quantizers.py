"""Every quantizer beside indices on file, and as a layer of plain Keras models."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import (
    BinarySphericalQuantizer,
    FiniteScalarQuantizer,
    GroupedQuantizer,
    GumbelQuantizer,
    LatentQuantizer,
    LookupFreeQuantizer,
    MultiScaleQuantizer,
    RandomProjectionQuantizer,
    ResidualQuantizer,
    SimVectorQuantizer,
    StochasticQuantizer,
    VectorQuantizer,
)
from tests.bottlenecks.quantizers import golden
from tests.bottlenecks.quantizers.cases import (
    KINDS,
    MAPS,
    OF_ANY,
    WIDTH,
    called,
    features,
    made,
    state,
)
from tests.gradients import gradient, weight_gradients

CODES = golden.CODES
EVERY = pytest.mark.parametrize("name", KINDS)
FILE: dict[str, Any] = json.loads(golden.FILE.read_text())
OF_FILE: dict[str, Callable[[], Any]] = {
    "vector": lambda: VectorQuantizer(CODES, WIDTH),
    "cosine": lambda: VectorQuantizer(CODES, WIDTH, distance="cosine"),
    "heads": lambda: VectorQuantizer(CODES, WIDTH, heads=2),
    "residual": lambda: ResidualQuantizer(VectorQuantizer(CODES, WIDTH), 3),
    "grouped": lambda: GroupedQuantizer(VectorQuantizer(CODES, WIDTH // 2), 2),
    "finite": lambda: FiniteScalarQuantizer(golden.LEVELS),
    "symmetric": lambda: FiniteScalarQuantizer(golden.SYMMETRIC, symmetric=True),
    "signs": lambda: LookupFreeQuantizer(WIDTH),
    "spherical": lambda: BinarySphericalQuantizer(WIDTH),
    "sim": lambda: SimVectorQuantizer(CODES, WIDTH),
    "projection": lambda: RandomProjectionQuantizer(CODES, 3, WIDTH),
    "latent": lambda: LatentQuantizer(golden.LATENT),
    "gumbel": lambda: GumbelQuantizer(WIDTH, 3),
    "stochastic": lambda: StochasticQuantizer(CODES, WIDTH),
    "multi_scale": lambda: MultiScaleQuantizer(VectorQuantizer(CODES, WIDTH), golden.SCALES),
}
ON_FILE = pytest.mark.parametrize("name", OF_FILE)


def put(table: Any, codes: Any) -> None:
    """Set the vectors of a codebook."""
    table.put(np.array(codes, "float32"), np.ones(len(codes), "float32"))


def on_file(name: str) -> Any:
    """Return a quantizer with the codes of the file."""
    row = FILE[name]
    quantizer, weights = OF_FILE[name](), row["weights"]
    quantizer.build((None, *np.shape(row["h"])[1:]))
    match name:
        case "residual" | "grouped":
            for part, codes in zip(quantizer.parts, weights["books"], strict=True):
                put(part.table, codes)
        case "multi_scale":
            put(quantizer.part.table, weights["codes"])
        case "sim":
            quantizer.table.fixed.assign(weights["fixed"])
            quantizer.table.map.assign(weights["map"])
        case "projection":
            quantizer.map.assign(weights["map"])
            quantizer.codes.assign(weights["ways"])
        case "latent":
            for variable, values in zip(quantizer.values, weights["values"], strict=True):
                variable.assign(values)
        case "gumbel" | "stochastic":
            quantizer.codebook.assign(weights["codes"])
        case "vector" | "cosine" | "heads":
            put(quantizer.table, weights["codes"])
    return quantizer


@ON_FILE
def test_indices_and_codes_are_those_on_file(name: str) -> None:
    row = FILE[name]
    outputs = called(on_file(name), np.array(row["h"], "float32"))
    np.testing.assert_array_equal(outputs["indices"], row["indices"])
    np.testing.assert_allclose(outputs["quantized"], row["quantized"], rtol=2e-6, atol=2e-6)


@ON_FILE
def test_indices_on_file_have_the_codes_on_file(name: str) -> None:
    row = FILE[name]
    quantizer, indices = on_file(name), np.array(row["indices"], "int32")
    codes = ops.convert_to_numpy(quantizer.decode_indices(ops.convert_to_tensor(indices)))
    np.testing.assert_allclose(codes, row["quantized"], rtol=2e-6, atol=2e-6)


def test_the_file_is_what_numpy_computes_and_no_choice_is_close() -> None:
    rows = golden.cases()
    assert list(rows) == list(FILE) == list(OF_FILE)
    for name, row in rows.items():
        assert row["margin"] > golden.MARGIN
        assert golden.plain(row)["indices"] == FILE[name]["indices"]
        np.testing.assert_allclose(FILE[name]["quantized"], row["quantized"], atol=1e-8)
        assert len(np.unique(row["indices"])) > 2


class AddLoss(keras.layers.Layer):
    """Adds the mean of losses to what a model minimises."""

    def call(self, codes: Any, losses: Any) -> Any:
        """Return the codes."""
        self.add_loss(ops.mean(losses))
        return codes


def blind(quantizer: Any) -> bool:
    """Return whether no gradient passes, so that nothing before it can be trained."""
    return isinstance(quantizer, RandomProjectionQuantizer)


def plain_model(quantizer: Any) -> Any:
    """Return a functional model h -> quantizer -> one number, its optimizer a slow descent."""
    inputs = keras.Input(MAPS[1:])
    seen = inputs if blind(quantizer) else keras.layers.Dense(WIDTH, name="before")(inputs)
    outputs = quantizer(seen)
    codes = AddLoss()(outputs["quantized"], outputs["loss"])
    model = keras.Model(inputs, keras.layers.Dense(1, name="after")(keras.layers.Flatten()(codes)))
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    return model


@EVERY
def test_it_is_trained_as_a_layer_of_a_plain_keras_model(name: str) -> None:
    model = plain_model(made(name))
    (quantizer,) = (layer for layer in model.layers if hasattr(layer, "encode_indices"))
    x, y = features(8, *MAPS[1:]), features(8, 1, seed=1)
    codes = quantizer(x if blind(quantizer) else model.get_layer("before")(x))
    predicted = model.get_layer("after")(ops.reshape(codes["quantized"], (8, -1)))
    loss = np.mean((ops.convert_to_numpy(predicted) - y) ** 2)
    loss += ops.convert_to_numpy(codes["loss"]).mean()
    np.testing.assert_allclose(model.evaluate(x, y, batch_size=8, verbose=0), loss, rtol=1e-4)
    trained = [np.array(v) for v in model.trainable_variables]
    before = state(quantizer)
    losses = model.fit(x, y, batch_size=4, epochs=2, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    for variable, value in zip(model.trainable_variables, trained, strict=True):
        assert not np.array_equal(np.array(variable), value), variable.path
    if "counts" in {v.path.split("/")[-1] for v in quantizer.variables}:
        assert any(not np.array_equal(a, b) for a, b in zip(state(quantizer), before, strict=True))


@EVERY
def test_a_saved_model_and_a_clone_give_the_same_indices_and_codes(
    name: str, tmp_path: Path
) -> None:
    inputs = keras.Input(MAPS[1:])
    outputs = made(name)(inputs)
    kept = {key: outputs[key] for key in ("indices", "quantized")}
    model = keras.Model(inputs, kept)
    model.save(tmp_path / "model.keras")
    x = features(*MAPS)
    expected = model.predict_on_batch(x)
    assert len(np.unique(expected["indices"])) > 1
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for again in (keras.saving.load_model(tmp_path / "model.keras"), copy):
        got = again.predict_on_batch(x)
        for key in kept:
            np.testing.assert_array_equal(got[key], expected[key])


@pytest.mark.parametrize("name", OF_ANY)
def test_padding_that_keras_masks_has_no_code(name: str) -> None:
    inputs = keras.Input((6, WIDTH))
    outputs = made(name, (None, 6, WIDTH))(keras.layers.Masking()(inputs))
    x = features(3, 6, WIDTH)
    x[0, 4:], x[2, 1:] = 0, 0
    indices = keras.Model(inputs, outputs["indices"]).predict_on_batch(x)
    there = x.any(-1)
    assert (indices[~there] == -1).all()
    assert (indices[there] >= 0).all()


@pytest.mark.parametrize("name", ["vector", "residual", "finite", "gumbel"])
def test_sequences_of_any_length_are_quantized(name: str) -> None:
    inputs = keras.Input((None, WIDTH))
    keras.utils.set_random_seed(7)
    quantizer = KINDS[name]()
    model = keras.Model(inputs, quantizer(inputs)["indices"])
    short, long = features(2, 3, WIDTH), features(2, 9, WIDTH)
    long[:, :3] = short
    a, b = model.predict_on_batch(short), model.predict_on_batch(long)
    assert b.shape[:2] == (2, 9)
    np.testing.assert_array_equal(a, b[:, :3])


@pytest.fixture(params=["mixed_float16", "mixed_bfloat16"])
def _half(request: pytest.FixtureRequest) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield
    keras.config.set_dtype_policy(before)


@EVERY
@pytest.mark.usefixtures("_half")
def test_half_precision_stays_finite_and_keeps_its_indices(name: str) -> None:
    quantizer, h = made(name), 100 * features(*MAPS)  # squares overflow a half
    outputs = called(quantizer, h)
    assert all(np.isfinite(v.astype("f4")).all() for v in outputs.values())
    assert outputs["loss"].dtype == "float32"
    assert not {"float16", "bfloat16"} & {v.dtype for v in quantizer.variables}
    indices = ops.convert_to_tensor(outputs["indices"])
    again = ops.convert_to_numpy(quantizer.decode_indices(indices))
    np.testing.assert_array_equal(again.astype("f4"), outputs["quantized"].astype("f4"))


@EVERY
@pytest.mark.usefixtures("_half")
def test_gradients_in_half_precision_are_finite(name: str) -> None:
    quantizer, h = made(name), features(*MAPS)

    def cost(x: Any) -> Any:
        outputs = quantizer(x)
        square = ops.sum(ops.cast(outputs["quantized"], "float32") ** 2)
        return square + ops.sum(outputs["loss"]) + 0 * ops.sum(x)

    slope = gradient(cost, h)
    assert np.isfinite(slope).all()
    assert slope.any() != blind(quantizer)
    held = quantizer.trainable_variables
    slopes = weight_gradients(lambda: cost(ops.convert_to_tensor(h)), held) if held else []
    assert all(np.isfinite(s).all() and s.any() for s in slopes)
