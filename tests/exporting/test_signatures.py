from __future__ import annotations

import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.exporting.signatures import signatures_of
from tests.exporting.own import Conditional

ALWAYS = ["serving_default", "encode", "decode", "score"]


def ends(model: object) -> dict[str, tuple[list[str], str]]:
    found = signatures_of(model)
    return {s.name: ([t.name for t in s.inputs], s.output.name) for s in found}


def test_every_model_reconstructs_encodes_decodes_and_scores() -> None:
    model = keras_ae.create("autoencoder", input_shape=(4,), latent_dim=2)
    assert ends(model) == {
        "serving_default": (["x"], "reconstruction"),
        "encode": (["x"], "latent"),
        "decode": (["latent"], "reconstruction"),
        "score": (["x"], "score"),
    }


def test_a_generative_model_samples_from_the_noise_of_its_prior() -> None:
    model = keras_ae.create("vae", input_shape=(4,), latent_dim=2)
    sample = signatures_of(model, ["sample"])[0]
    (noise,) = sample.inputs
    assert (noise.name, noise.shape, noise.kind) == ("noise", (2,), "normal")
    z = np.random.default_rng(0).normal(size=(3, 2)).astype("float32")
    examples = ops.convert_to_numpy(sample.apply(model, {"noise": ops.convert_to_tensor(z)}))
    np.testing.assert_allclose(examples, model.decode(z), rtol=1e-5, atol=1e-6)


def test_a_quantized_model_has_indices_both_ways() -> None:
    model = keras_ae.create("vq_vae", input_shape=(4,), latent_dim=2, num_codes=5, tokens=3)
    assert list(ends(model)) == [*ALWAYS, "encode_indices", "decode_indices"]
    there = signatures_of(model, ["decode_indices"])[0].inputs[0]
    assert (there.shape, there.dtype) == ((3,), "int32")


def test_a_conditional_model_takes_its_condition_everywhere() -> None:
    model = Conditional((4,))
    assert [names for names, _ in ends(model).values()] == [
        *(["x", "condition"], ["x", "condition"], ["latent", "condition"], ["x", "condition"]),
        ["noise", "condition"],
    ]
    rng = np.random.default_rng(0)
    given = {
        "x": ops.convert_to_tensor(rng.random((2, 4), dtype="float32")),
        "condition": ops.convert_to_tensor(rng.random((2, 3), dtype="float32")),
    }
    by_name = {s.name: s for s in signatures_of(model)}
    latent = by_name["encode"].apply(model, given)
    decoded = by_name["decode"].apply(model, {"latent": latent, "condition": given["condition"]})
    whole = by_name["serving_default"].apply(model, given)
    np.testing.assert_allclose(
        ops.convert_to_numpy(decoded), ops.convert_to_numpy(whole), rtol=1e-5, atol=1e-6
    )


def test_labels_are_whole_numbers_and_vectors_are_not() -> None:
    kinds = {"name": "label", "categories": 3}
    for condition, wanted in ((kinds, ((), "int32", 3)), ((2, 3), ((2, 3), "float32", None))):
        model = keras_ae.create(
            "conditional_vae", input_shape=(4,), latent_dim=2, condition=condition
        )
        for signature in signatures_of(model):
            told = signature.inputs[-1]
            assert told.name == "condition"
            assert (told.shape, told.dtype, told.below) == wanted


def test_an_unknown_signature_is_refused_by_its_name() -> None:
    model = keras_ae.create("autoencoder", input_shape=(4,), latent_dim=2)
    with pytest.raises(ValueError, match="must be one of.*Received: 'sample'"):
        signatures_of(model, ["encode", "sample"])
    with pytest.raises(ValueError, match="must be names of signatures. Received: 'encode'"):
        signatures_of(model, "encode")
    assert [s.name for s in signatures_of(model, ["score", "encode"])] == ["encode", "score"]
