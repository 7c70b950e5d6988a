"""TensorFlow SavedModels: what TensorFlow, its server and its C library load."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_ae.backend.recurrent import written_out
from keras_ae.exporting.parity import Runner
from keras_ae.exporting.signatures import Signature

BACKEND = "tensorflow"
PACKAGES = ("tensorflow",)
EXTRA = "tensorflow-cpu"
SUB_FOLDER = ""  # of a version: a server looks for it at the top

SEEDED = "sample_seeded"
"""The one signature with random operations, for generative models."""
MAX_COUNT = 10_000
"""Examples that it draws at most."""


def write(
    model: Any, signatures: Sequence[Signature], folder: Path, *, portable: bool = False
) -> None:
    """Write the signatures, each with any number of rows, named tensors and float32 results.

    Args:
        model: A model of the TensorFlow backend.
        signatures: What to write.
        folder: The folder to make.
        portable: Whether to keep to operations that other formats know, for converting.
    """
    import keras
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    for signature in signatures:
        archive.add_endpoint(
            signature.name,
            endpoint(model, signature, portable),
            input_signature=[
                tf.TensorSpec((None, *t.shape), t.dtype, name=t.name) for t in signature.inputs
            ],
        )
    if not portable and (sample := _sample(signatures)):
        scalars = [tf.TensorSpec((), tf.int32, name=name) for name in ("seed", "count")]
        archive.add_endpoint(SEEDED, _seeded(model, sample), input_signature=scalars)
    archive.write_out(str(folder), verbose=False)


def endpoint(model: Any, signature: Signature, portable: bool = False) -> Callable[..., Any]:
    """Return a method of the model as a signature: shapes checked, output named."""
    import tensorflow as tf

    def serve(*values: Any) -> dict[str, Any]:
        # A server does not compare shapes, and a layer that broadcasts would answer nonsense.
        given = {
            t.name: tf.ensure_shape(value, (None, *t.shape))
            for t, value in zip(signature.inputs, values, strict=True)
        }
        for t in signature.inputs:
            if t.below is not None and not portable:
                given[t.name] = _below(given[t.name], t)
            if t.kind == "indices" and not portable:
                # Below 0 Keras would count from the end; the lookup refuses what is too large.
                value = given[t.name]
                given[t.name] = tf.where(value < 0, value.dtype.max, value)
        with written_out() if portable else contextlib.nullcontext():
            result = signature.apply(model, given)
        return {signature.output.name: tf.cast(result, signature.output.dtype)}

    return serve


def _below(values: Any, tensor: Any) -> Any:
    """Return labels, whose program stops at one that is out of range."""
    import tensorflow as tf

    is_known = tf.reduce_all(tf.logical_and(values >= tensor.least, values < tensor.below))
    interval = f"from {tensor.least} to {tensor.below - 1}"
    wanted = f"`{tensor.name}` must be whole numbers {interval}. Received:"
    with tf.control_dependencies([tf.debugging.Assert(is_known, [wanted, values])]):
        return tf.identity(values)


def load(folder: Path, signatures: Sequence[Signature]) -> Runner:
    """Return what runs the signatures, by TensorFlow's own loader."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    outputs = {signature.name: signature.output.name for signature in signatures}

    def run(name: str, inputs: dict[str, np.ndarray]) -> np.ndarray:
        tensors = {key: tf.constant(rows) for key, rows in inputs.items()}
        result: np.ndarray = loaded.signatures[name](**tensors)[outputs[name]].numpy()
        return result

    if sample := _sample(signatures):
        _check_seeded(loaded, sample, run)
    return run


@contextlib.contextmanager
def portable_copy(
    model: Any, signatures: Sequence[Signature], folder: Path
) -> Iterator[tuple[Path, Any]]:
    """Give a SavedModel of elementary operations, and it loaded, for other formats' converters."""
    import shutil

    import tensorflow as tf

    path = folder.with_name(f"{folder.name}-portable")
    write(model, signatures, path, portable=True)
    try:
        yield path, tf.saved_model.load(str(path))
    finally:
        shutil.rmtree(path)


def _sample(signatures: Sequence[Signature]) -> Signature | None:
    """Return the signature that samples; with a condition there is none from a seed alone."""
    found = [s for s in signatures if s.name == "sample"]
    return found[0] if found and all(t.kind != "condition" for t in found[0].inputs) else None


def _draw(sample: Signature, seed: Any, count: Any) -> list[Any]:
    import tensorflow as tf

    draws = []
    for i, tensor in enumerate(sample.inputs):
        function = getattr(tf.random, f"stateless_{tensor.kind}")
        # One algorithm on all devices, so that a seed means the same examples everywhere.
        draws.append(function((count, *tensor.shape), seed=(seed, i), alg="philox"))
    return draws


def _seeded(model: Any, sample: Signature) -> Callable[..., Any]:
    import tensorflow as tf

    def serve(seed: Any, count: Any) -> dict[str, Any]:
        bounds = tf.debugging.Assert(
            tf.logical_and(count >= 1, count <= MAX_COUNT),
            [f"`count` must be from 1 to {MAX_COUNT}. Received:", count],
        )
        with tf.control_dependencies([bounds]):
            count = tf.identity(count)
        examples = model.sample_tensor(*_draw(sample, seed, count))
        return {sample.output.name: tf.cast(examples, sample.output.dtype)}

    return serve


def _check_seeded(loaded: Any, sample: Signature, run: Runner) -> None:
    """Refuse a sampler that does not decode the noise of its seed."""
    import tensorflow as tf

    from keras_ae.exporting import parity

    for seed in (0, 1):
        drawn = loaded.signatures[SEEDED](seed=tf.constant(seed), count=tf.constant(3))
        noise = {
            t.name: z.numpy() for t, z in zip(sample.inputs, _draw(sample, seed, 3), strict=True)
        }
        found = parity.difference(drawn[sample.output.name].numpy(), run("sample", noise))
        parity.check("saved_model", {SEEDED: found})
