from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae import networks


def quantized() -> Any:
    return keras_ae.create(
        "vq_vae", input_shape=(6, 4, 1), latent_dim=2, num_codes=5, hidden=[4], encoder="conv"
    )


def test_indices_are_those_of_the_nearest_codes() -> None:
    model = quantized()
    x = np.random.default_rng(0).random((9, 6, 4, 1), dtype="float32")
    indices = model.encode_indices(x)
    assert (indices.shape, indices.dtype) == ((9, 3, 2), np.dtype("int32"))
    points = np.asarray(ops.convert_to_numpy(model.features_tensor(ops.convert_to_tensor(x))))
    codes = np.asarray(ops.convert_to_numpy(model.bottleneck.codebook))
    distances = ((points[..., None, :].astype("float64") - codes) ** 2).sum(-1)
    np.testing.assert_array_equal(indices, distances.argmin(-1))
    np.testing.assert_allclose(codes[indices], model.encode(x), rtol=1e-6)


def test_indices_decode_to_the_reconstruction() -> None:
    model = quantized()
    x = np.random.default_rng(0).random((9, 6, 4, 1), dtype="float32")
    decoded = model.decode_indices(model.encode_indices(x))
    np.testing.assert_allclose(decoded, model.reconstruct(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "indices",
    [
        np.full((2, 3, 2), 5),
        np.full((2, 3, 2), -1),
        np.full((2, 3, 2), 1.5),
    ],
)
def test_a_number_that_has_no_code_is_refused(indices: np.ndarray) -> None:
    with pytest.raises(ValueError, match="`indices` must be whole numbers from 0 to 4. Received"):
        quantized().decode_indices(indices)
    with pytest.raises(ValueError, match="indices"):
        quantized().decode_indices(indices[:, :2])


def test_a_continuous_code_has_no_indices() -> None:
    model = keras_ae.create("vae", input_shape=(4,), latent_dim=2)
    for call in (model.encode_indices, model.decode_indices):
        with pytest.raises(ValueError, match="whose code is continuous"):
            call(np.zeros((2, 4)))


def test_a_prior_says_which_noise_its_codes_are_made_of() -> None:
    model = keras_ae.create("vae", input_shape=(4,), latent_dim=2)
    assert model.prior_noise() == [("normal", (2,))]
    noise = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
    examples = ops.convert_to_numpy(model.sample_tensor(ops.convert_to_tensor(noise)))
    np.testing.assert_allclose(examples, model.decode(noise), rtol=1e-5, atol=1e-6)


def of_two_inputs(shape: Any, size: int, output_shape: Any) -> Any:
    """A network of one's own that multiplies what it makes of its two inputs."""
    x, condition = keras.Input(shape), keras.Input((size,))
    width = int(np.prod(output_shape))
    flat = keras.layers.Dense(width)(keras.layers.Flatten()(x))
    product = keras.layers.Multiply()([flat, keras.layers.Dense(width)(condition)])
    return keras.Model([x, condition], keras.layers.Reshape(output_shape)(product))


def of_one_input(output_shape: Any) -> Any:
    """A network of one's own that is not built yet."""
    width = int(np.prod(output_shape))
    layers = [keras.layers.Flatten(), keras.layers.Dense(width), keras.layers.Reshape(output_shape)]
    return keras.Sequential(layers)


KINDS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "mlp": ((5,), {"hidden": [6]}),
    "mlp of maps": ((4, 3), {"encoder": "mlp", "hidden": [6]}),
    "blocks": ((6, 5, 2), {"encoder": "blocks", "hidden": [3]}),
    "conv": ((6, 5, 2), {"encoder": "conv", "hidden": [3]}),
    "resnet": ((6, 5, 2), {"encoder": "resnet", "hidden": [3]}),
    "recurrent": ((4, 3), {"encoder": "recurrent", "hidden": [5]}),
    "own": ((4, 3), {"encoder": of_one_input((7,)), "decoder": of_one_input((4, 3))}),
    "own of two": (
        (4, 3),
        {
            "encoder": of_two_inputs((4, 3), 2, (7,)),
            "decoder": of_two_inputs((3,), 2, (4, 3)),
        },
    ),
}


def of_condition(network: Any, kernel: np.ndarray, width: int) -> np.ndarray:
    """The part of a first kernel that meets a condition of two numbers behind so many others."""
    if len(network.inputs) > 1:
        return kernel
    if kernel.shape[-2] > width + 2 and len(network.inputs[0].shape) > 2:  # flattened after
        kernel = kernel.reshape(-1, width + 2, kernel.shape[-1])
    return kernel[..., -2:, :]


@pytest.mark.parametrize("kind", KINDS)
def test_every_network_is_told_the_condition(kind: str) -> None:
    shape, options = KINDS[kind]
    model = keras_ae.create("vae", input_shape=shape, latent_dim=3, condition=2, **options)
    for weight in model.trainable_variables:
        weight.assign(np.random.default_rng(1).normal(scale=0.3, size=weight.shape))
    rng = np.random.default_rng(0)
    x, c = rng.random((4, *shape)).astype("float32"), rng.normal(size=(4, 2)).astype("float32")
    z, other = rng.normal(size=(4, 3)).astype("float32"), c.copy()
    other[1] += 0.5
    pairs = (
        [model.encode({"x": x, "condition": given}) for given in (c, other)],
        [model.decode(z, condition=given) for given in (c, other)],
    )
    for here, there in pairs:
        moved = abs(here - there).reshape(4, -1).max(1)
        assert moved[1] > 1e-4
        np.testing.assert_allclose(np.delete(moved, 1), 0.0, atol=1e-6)  # each row has its own
    model.compile(keras.optimizers.SGD(1e-3))
    kernels = []
    for network, width in ((model.encoder, shape[-1]), (model.decoder, 3)):
        of_two = len(network.inputs) > 1
        matrices = [w for w in network.trainable_variables if len(w.shape) > 1]
        kernel = next(w for w in matrices if w.shape[0] == 2) if of_two else matrices[0]
        kernels.append((network, kernel, width, ops.convert_to_numpy(kernel).copy()))
    model.train_on_batch({"x": x, "condition": c})
    for network, kernel, width, before in kernels:
        moved = of_condition(network, ops.convert_to_numpy(kernel) - before, width)
        assert abs(moved).max() > 1e-6


def test_a_mask_over_steps_and_a_condition_go_together() -> None:
    condition = np.random.default_rng(2).normal(size=(4, 2)).astype("float32")
    x = np.random.default_rng(0).random((4, 5, 3)).astype("float32")
    mask = np.ones((4, 5), "float32")
    mask[:, 3:] = 0
    steps, told = keras.Input((5, 3)), keras.Input((2,))
    last = keras.layers.LSTM(4)(keras.layers.Masking(-7.0)(steps))
    own = keras.Model([steps, told], keras.layers.Concatenate()([last, told]))
    for encoder in ("recurrent", own):
        model = keras_ae.create(
            "recurrent_autoencoder",
            input_shape=(5, 3),
            latent_dim=2,
            encoder=encoder,
            decoder="recurrent",
            hidden=[4],
            condition=2,
        )
        other = np.where(mask[..., None] > 0, x, 9.0).astype("float32")
        codes = [
            model.encode({"x": rows, "condition": condition, "mask": mask}) for rows in (x, other)
        ]
        np.testing.assert_allclose(*codes, rtol=1e-6)
        whole = model.encode({"x": x, "condition": condition})
        assert abs(codes[0] - whole).max() > 1e-4


def test_a_code_that_is_a_map_has_the_condition_at_every_place() -> None:
    model = keras_ae.create(
        "vq_vae",
        input_shape=(6, 4, 1),
        latent_dim=2,
        num_codes=5,
        hidden=[4],
        encoder="conv",
        condition={"name": "label", "categories": 3},
    )
    assert model.decoder.input_shape == (None, 3, 2, 5)
    model.compile("adam")
    rng = np.random.default_rng(0)
    rows = {"x": rng.random((9, 6, 4, 1), dtype="float32"), "condition": np.arange(9) % 3}
    model.fit(rows, epochs=1, verbose=0)  # which starts the codebook from conditional features
    indices = model.encode_indices(rows)
    decoded = model.decode_indices(indices, condition=rows["condition"])
    np.testing.assert_allclose(decoded, model.reconstruct(rows), rtol=1e-5, atol=1e-6)
    assert abs(decoded[:3] - model.decode_indices(indices, condition=0)[:3])[1:].max() > 1e-5
    z = ops.convert_to_tensor(model.encode(rows))
    told = networks.joined(model.decoder, z, model.embedded(ops.convert_to_tensor([2] * 9)))
    np.testing.assert_array_equal(
        ops.convert_to_numpy(told)[..., 2:], np.broadcast_to([0, 0, 1], (9, 3, 2, 3))
    )
