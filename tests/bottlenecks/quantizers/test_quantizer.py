"""What every quantizer promises, of every quantizer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.backend.whole_batch import Part
from keras_ae.bottlenecks.quantizers.quantizer import squared_distance, straight_through
from tests.bottlenecks.quantizers.cases import (
    DRAWN,
    KINDS,
    MAPS,
    OF_ANY,
    WIDTH,
    assert_same,
    called,
    features,
    made,
    state,
)
from tests.gradients import gradient

H = features(*MAPS)
EVERY = pytest.mark.parametrize("name", KINDS)
MASKED = pytest.mark.parametrize("name", OF_ANY)
MASK = np.random.default_rng(2).random(MAPS[:-1]) < 0.6
SHAPES = [(6, 7), (6, 5, 7), (3, 4, 5, WIDTH), (2, 3, 2, 2, WIDTH)]


def round_trip(quantizer: Any, h: np.ndarray) -> dict[str, np.ndarray]:
    """Return the outputs of inference, after a check that indices stand for them exactly."""
    outputs = called(quantizer, h)
    indices = quantizer.encode_indices(ops.convert_to_tensor(h))
    again = ops.convert_to_numpy(quantizer.decode_indices(indices))
    np.testing.assert_array_equal(again, outputs["quantized"])
    np.testing.assert_array_equal(outputs["latent"], outputs["quantized"])
    np.testing.assert_array_equal(ops.convert_to_numpy(indices), outputs["indices"])
    assert again.dtype == outputs["quantized"].dtype
    return outputs


def assert_shapes(quantizer: Any, outputs: dict[str, np.ndarray], batch: int) -> None:
    expected = {
        "latent": (batch, *quantizer.latent_shape),
        "quantized": (batch, *quantizer.latent_shape),
        "pre_quantized": (batch, *quantizer.latent_shape),
        "indices": (batch, *quantizer.index_shape),
        "loss": (batch,),
        "signal": (batch,),
        "errors": (batch, quantizer.stages),
    }
    assert {k: v.shape for k, v in outputs.items()} == expected
    assert outputs["indices"].dtype == "int32"


@EVERY
def test_the_indices_stand_for_the_codes_to_the_last_bit(name: str) -> None:
    quantizer = made(name)
    assert_shapes(quantizer, round_trip(quantizer, H), len(H))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"rank_{len(shape)}")
@MASKED
def test_features_have_any_number_of_axes(name: str, shape: tuple[int, ...]) -> None:
    quantizer = made(name, shape)
    assert_shapes(quantizer, round_trip(quantizer, features(*shape)), shape[0])
    places = (quantizer.tokens,) if len(shape) == 2 else shape[1:-1]
    assert quantizer.latent_shape == (*places, quantizer.code_dim)


@EVERY
def test_an_index_is_one_of_the_codes(name: str) -> None:
    quantizer = made(name)
    indices = called(quantizer, 3 * H)["indices"]
    sizes = np.array(quantizer.sizes)
    assert (indices >= 0).all()
    assert (indices.reshape(-1, len(sizes)) < sizes).all()
    assert len(np.unique(indices)) > 1
    assert quantizer.num_codes == (sizes[0] if len(sizes) == 1 else tuple(sizes))


@EVERY
def test_an_example_knows_its_squared_length_and_its_errors(name: str) -> None:
    outputs = called(made(name), H)
    before, after = (outputs[k].astype("f8") for k in ("pre_quantized", "quantized"))
    axes = tuple(range(1, before.ndim))
    np.testing.assert_allclose(outputs["signal"], (before**2).sum(axes), rtol=1e-5)
    error = ((before - after) ** 2).sum(axes)
    np.testing.assert_allclose(outputs["errors"][:, -1], error, rtol=1e-4, atol=1e-5)


@EVERY
def test_inference_changes_nothing_and_repeats(name: str) -> None:
    quantizer = made(name)
    before = state(quantizer)
    outputs = called(quantizer, H)
    quantizer.encode_indices(ops.convert_to_tensor(H))
    assert_same(called(quantizer, H, training=False), outputs)
    assert_same(state(quantizer), before)


@EVERY
def test_a_row_becomes_what_it_becomes_without_the_others(name: str) -> None:
    quantizer = made(name)
    together, alone = called(quantizer, H), called(quantizer, H[1:2])
    for key in ("indices", "quantized", "errors", *(() if quantizer.of_batch else ("loss",))):
        np.testing.assert_allclose(together[key][1:2], alone[key], rtol=1e-5, atol=1e-6)


@MASKED
def test_training_does_not_see_what_stands_in_padding(name: str) -> None:
    results = []
    for content in (0.0, 1e3, -7.0):
        quantizer = made(name)
        h = np.where(MASK[..., None], H, np.float32(content))
        outputs = called(quantizer, h, training=True, sample=True, mask=ops.convert_to_tensor(MASK))
        outputs["pre_quantized"] = outputs["pre_quantized"][MASK]
        results.append((outputs, state(quantizer)))
    for outputs, after in results[1:]:
        assert_same(outputs, results[0][0])
        assert_same(after, results[0][1])


@MASKED
def test_padding_has_the_code_zero_the_index_minus_one_and_no_part_in_sums(name: str) -> None:
    quantizer = made(name)
    outputs = called(quantizer, H, mask=ops.convert_to_tensor(MASK))
    assert (outputs["indices"][~MASK] == -1).all()
    assert (outputs["indices"][MASK] >= 0).all()
    assert not outputs["quantized"][~MASK].any()
    whole = called(quantizer, H)
    np.testing.assert_array_equal(outputs["indices"][MASK], whole["indices"][MASK])
    np.testing.assert_array_equal(outputs["quantized"][MASK], whole["quantized"][MASK])
    length = np.where(MASK, (whole["pre_quantized"].astype("f8") ** 2).sum(-1), 0).sum((1, 2))
    np.testing.assert_allclose(outputs["signal"], length, rtol=1e-5)


@MASKED
def test_the_indices_of_padded_vectors_stand_for_their_codes_too(name: str) -> None:
    quantizer, mask = made(name), ops.convert_to_tensor(MASK)
    indices = quantizer.encode_indices(ops.convert_to_tensor(H), mask=mask)
    outputs = called(quantizer, H, mask=mask)
    np.testing.assert_array_equal(ops.convert_to_numpy(indices), outputs["indices"])
    codes = ops.convert_to_numpy(quantizer.decode_indices(indices))
    np.testing.assert_array_equal(codes, outputs["quantized"])


@pytest.mark.parametrize("name", [name for name in OF_ANY if name not in DRAWN])
def test_padded_vectors_train_as_if_they_were_left_out(name: str) -> None:
    compact = np.ascontiguousarray(H[MASK][None])
    packed, padded = made(name, compact.shape), made(name)
    expected = called(packed, compact, training=True)
    got = called(padded, H, training=True, mask=ops.convert_to_tensor(MASK))
    np.testing.assert_allclose(got["loss"].sum(), expected["loss"].sum(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got["errors"].sum(0), expected["errors"][0], rtol=1e-5, atol=1e-6)
    for a, b in zip(state(padded), state(packed), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["vector", "finite"])
def test_features_of_another_size_are_refused_or_quantized_as_they_lie(name: str) -> None:
    quantizer, larger = made(name), features(2, 8, 8, WIDTH)
    try:
        indices = called(quantizer, larger)["indices"]
    except ValueError:
        return
    expected = called(made(name, larger.shape), larger)["indices"]
    np.testing.assert_array_equal(indices, expected)


@EVERY
def test_a_copy_from_the_config_is_the_same(name: str) -> None:
    quantizer = made(name)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(quantizer)))
    copies = [
        type(quantizer).from_config(quantizer.get_config()),
        keras.saving.deserialize_keras_object(config),
    ]
    expected = called(quantizer, H)
    for copy in copies:
        assert copy.get_config() == quantizer.get_config()
        copy.build((None, *MAPS[1:]))
        copy.set_weights(quantizer.get_weights())
        assert_same(called(copy, H), expected)


@EVERY
def test_no_python_branch_depends_on_a_value(name: str) -> None:
    quantizer = made(name)
    np.testing.assert_array_equal(
        traced(quantizer.encode_indices, H), called(quantizer, H)["indices"]
    )


def traced(function: Callable[[Any], Any], h: np.ndarray) -> np.ndarray:
    """Return what a function gives when it was made into a graph from shapes alone."""
    match keras.backend.backend():
        case "jax":
            import jax

            return np.asarray(jax.jit(function)(h))
        case "tensorflow":
            import tensorflow as tf

            return tf.function(function)(tf.constant(h)).numpy()
        case _:
            import torch

            class Module(torch.nn.Module):
                def forward(self, x: Any) -> Any:
                    return function(x)

            given = (torch.tensor(h),)
            return torch.export.export(Module(), given).module()(*given).numpy()


@pytest.mark.parametrize("name", ["vector", "learned", "cosine", "residual", "grouped", "sim"])
def test_parts_of_a_batch_move_the_codes_as_the_whole_does(name: str) -> None:
    """Averages over replicas, or over steps of an accumulated gradient, are of all vectors."""
    whole, parted = made(name), made(name)
    called(whole, H, training=True)
    before, uses = state(parted), []
    for rows in (H[:1], H[1:]):
        with Part() as part:
            called(parted, rows, training=True)
        uses.append(part.uses)
    assert_same(state(parted), before)
    for ones in zip(*uses, strict=True):
        sums = [ops.add(*pair) for pair in zip(*(use.sums for use in ones), strict=True)]
        rows = [ops.concatenate(both) for both in zip(*(use.rows for use in ones), strict=True)]
        ones[0].function(*sums, *rows)
    for a, b in zip(state(parted), state(whole), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_straight_through_has_the_codes_and_the_gradient_of_the_vectors() -> None:
    """Bengio et al. (2013), section 2.3; x + sg(q - x) loses bits where |x| is large."""
    codes, weights = features(5, 3, seed=3), features(5, 3, seed=4)
    vectors = 1e4 * features(5, 3)
    fixed = ops.convert_to_tensor(codes)
    got = ops.convert_to_numpy(straight_through(ops.convert_to_tensor(vectors), fixed))
    np.testing.assert_array_equal(got, codes)
    slope = gradient(lambda v: ops.sum(ops.multiply(straight_through(v, fixed), weights)), vectors)
    np.testing.assert_array_equal(slope, weights)
    there = ops.convert_to_tensor(vectors)
    of_codes = gradient(lambda c: ops.sum(straight_through(there, c)) + 0 * ops.sum(c), codes)
    assert not of_codes.any()


def test_the_squared_distance_is_summed_over_the_last_axis() -> None:
    a, b = features(5, 3, 4), features(5, 3, 4, seed=1)
    got = ops.convert_to_numpy(squared_distance(*map(ops.convert_to_tensor, (a, b))))
    np.testing.assert_allclose(got, ((a - b).astype("f8") ** 2).sum(-1), rtol=1e-5)
